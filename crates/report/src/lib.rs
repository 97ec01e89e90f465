//! Figures that a teacher would put on a slide, drawn from plain results. How the results came about is not known here.

#![forbid(unsafe_code)]

pub mod chart;
pub mod figure;
mod number;
mod style;

pub use chart::{BarChart, Series};
pub use figure::{Cell, ColourBar, Figure, Row};
