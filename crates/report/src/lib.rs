//! Figures that a teacher would put on a slide, tables, and a report in one HTML file, made from plain results. How the
//! results came about is not known here.

#![forbid(unsafe_code)]

pub mod chart;
pub mod figure;
pub mod html;
mod number;
mod style;
pub mod table;
mod visible;

pub use chart::{BarChart, Chart, Line, LineChart, Series};
pub use figure::{Cell, ColourBar, Figure, Row};
pub use html::{KeyNumber, Page, Section};
pub use table::{Column, Kind, Table};
