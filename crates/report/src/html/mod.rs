//! A report in one HTML file that needs no network and no script.
//!
//! Paragraphs, captions and callouts take a little markup: `**bold**`, `` `code` `` and `[text](#anchor)`, the anchor
//! being a place in the same page; a backslash before `*`, `` ` ``, `[` or `\` takes its meaning away. Everything else,
//! and every other text, is shown as it stands, whatever is in it. [`literal`] makes a text from outside stand as it is
//! where markup is read.

mod markup;
mod render;
mod section;

use eyebar_imaging::{ImageError, RgbImage};

pub use markup::literal;
pub use section::{KeyNumber, Section};

use crate::figure::Figure;
use crate::table::Table;

/// A report: title, lead, numbered sections with a table of contents, and how it was made.
///
/// ```
/// use eyebar_report::{Page, Section};
/// let page = Page::new("What the network sees")
///     .lead("Measured on **one** portrait.")
///     .section(Section::new("Where it looks").anchor("where").paragraph("As [above](#where), in `block5_conv3`."))
///     .footer([("Version", "0.1.0")]);
/// assert!(page.render()?.starts_with("<!DOCTYPE html>"));
/// # Ok::<(), eyebar_imaging::ImageError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Page {
    title: String,
    leads: Vec<String>,
    summary: Section,
    sections: Vec<Section>,
    footer: Vec<(String, String)>,
}

impl Page {
    /// A page with a title and nothing else yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a paragraph below the title, set larger than the others.
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.leads.push(text.into());
        self
    }

    /// What stands between the lead and the first section, such as the numbers that matter most; its heading is not
    /// shown.
    pub fn summary(mut self, content: Section) -> Self {
        self.summary = content;
        self
    }

    /// Adds a section; they are numbered from 1.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// How the report was made, as labels and values: version, hashes of the models, the exact command. Shown as they
    /// stand.
    pub fn footer(mut self, facts: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.footer.extend(facts.into_iter().map(|(label, value)| (label.into(), value.into())));
        self
    }

    /// The page as one HTML file, pictures and styles inside.
    ///
    /// # Errors
    /// When a picture has no pixels.
    pub fn render(&self) -> Result<String, ImageError> {
        render::page(self)
    }
}

/// What a section is made of, from top to bottom.
#[derive(Debug, Clone)]
enum Block {
    Paragraph(String),
    Subheading(String),
    List(Vec<String>),
    Code(String),
    Numbers(Vec<KeyNumber>),
    Picture { image: RgbImage, alt: String, caption: String },
    Table(Table),
    Callout(Callout, String),
}

#[derive(Debug, Clone, Copy)]
enum Callout {
    Finding,
    Caution,
}

impl From<&Figure> for RgbImage {
    fn from(figure: &Figure) -> Self {
        figure.render()
    }
}

impl From<Figure> for RgbImage {
    fn from(figure: Figure) -> Self {
        figure.render()
    }
}
