//! Sections and what they are built of.

use eyebar_imaging::RgbImage;

use super::{Block, Callout};
use crate::table::Table;

/// A section of a [`Page`](super::Page), filled from top to bottom.
#[derive(Debug, Clone, Default)]
pub struct Section {
    pub(super) heading: String,
    pub(super) anchor: Option<String>,
    pub(super) blocks: Vec<Block>,
}

/// A number to be seen at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyNumber {
    /// The number as it is shown, with its unit.
    pub value: String,
    /// What it measures.
    pub label: String,
    /// Its interval, or what to compare it with; may be empty.
    pub detail: String,
}

impl KeyNumber {
    /// A number without a detail.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), detail: String::new() }
    }

    /// Its interval, or what to compare it with.
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = text.into();
        self
    }
}

impl<V: Into<String>, L: Into<String>> From<(V, L)> for KeyNumber {
    fn from((value, label): (V, L)) -> Self {
        Self::new(value, label)
    }
}

impl Section {
    /// A section with a heading and nothing else yet.
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// The name under which `[text](#name)` reaches this section, in place of one made from the heading: lower-case
    /// letters, digits and hyphens; others are replaced, and a number is added to a name that is taken.
    pub fn anchor(mut self, name: impl Into<String>) -> Self {
        self.anchor = Some(name.into());
        self
    }

    /// Adds a paragraph; reads markup.
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.block(Block::Paragraph(text.into()))
    }

    /// Adds a heading below that of the section.
    pub fn subheading(self, text: impl Into<String>) -> Self {
        self.block(Block::Subheading(text.into()))
    }

    /// Adds a list with bullets; reads markup.
    pub fn list(self, items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.block(Block::List(items.into_iter().map(Into::into).collect()))
    }

    /// Adds lines of code or a command, shown as they stand.
    pub fn code(self, text: impl Into<String>) -> Self {
        self.block(Block::Code(text.into()))
    }

    /// Adds a row of tiles, each a number with its label.
    pub fn numbers(self, numbers: impl IntoIterator<Item = impl Into<KeyNumber>>) -> Self {
        self.block(Block::Numbers(numbers.into_iter().map(Into::into).collect()))
    }

    /// Adds a picture: a [`Figure`](crate::Figure), drawn now, or an image. `alt` says in words what can be seen, for
    /// those who cannot see it (where it is empty, `caption` stands in); `caption` stands below and reads markup.
    pub fn figure(self, picture: impl Into<RgbImage>, alt: impl Into<String>, caption: impl Into<String>) -> Self {
        self.block(Block::Picture { image: picture.into(), alt: alt.into(), caption: caption.into() })
    }

    /// Adds a table.
    pub fn table(self, table: &Table) -> Self {
        self.block(Block::Table(table.clone()))
    }

    /// Adds what was found, set off from the text; reads markup.
    pub fn finding(self, text: impl Into<String>) -> Self {
        self.block(Block::Callout(Callout::Finding, text.into()))
    }

    /// Adds what must not be concluded, or what could mislead, set off from the text; reads markup.
    pub fn caution(self, text: impl Into<String>) -> Self {
        self.block(Block::Callout(Callout::Caution, text.into()))
    }

    fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}
