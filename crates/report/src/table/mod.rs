//! Tables as plain data, shown on a terminal, in the HTML report and as JSON.

mod text;

use serde::Serialize;

/// A table. Every row should have one cell a column: missing cells are shown empty, further ones not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What the table shows; may be empty.
    pub title: String,
    /// The columns from left to right.
    pub columns: Vec<Column>,
    /// The cells, numbers already formatted.
    pub rows: Vec<Vec<String>>,
    /// A line below: how to read it, where the numbers come from; may be empty.
    pub note: String,
}

/// The head of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The header.
    pub name: String,
    /// How its cells are set.
    pub kind: Kind,
    /// The unit that all its numbers have, shown in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// How the cells of a column are set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Flush left, wrapped where there is no room.
    #[default]
    Text,
    /// Flush right, never broken.
    Number,
}

impl Column {
    /// The header with its unit: `share (%)`.
    pub fn heading(&self) -> String {
        match self.unit.as_deref().filter(|unit| !unit.is_empty()) {
            Some(unit) => format!("{} ({unit})", self.name),
            None => self.name.clone(),
        }
    }
}

impl Table {
    /// A table without columns yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a column of text.
    pub fn text(self, name: impl Into<String>) -> Self {
        self.column(Column { name: name.into(), ..Column::default() })
    }

    /// Adds a column of numbers; an empty unit is none.
    pub fn number(self, name: impl Into<String>, unit: impl Into<String>) -> Self {
        let unit = Some(unit.into()).filter(|unit| !unit.is_empty());
        self.column(Column { name: name.into(), kind: Kind::Number, unit })
    }

    /// Adds a column.
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Adds a row, one cell a column.
    pub fn row(mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// The line below.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.note = text.into();
        self
    }

    /// The table for a terminal of 100 columns: see [`Table::to_text_within`].
    pub fn to_text(&self) -> String {
        self.to_text_within(100)
    }

    /// The table for a terminal: title, headers, a rule, rows and note, each line ended by a line break.
    ///
    /// Where it would be wider than `width` columns, headers of numbers are wrapped, then columns of text, down to 12
    /// columns each and three lines a cell, the rest cut with `…`. Numbers are never broken unless one alone is wider
    /// than `width`, so a table of very many columns still comes out wider. Control characters are shown as `�`.
    pub fn to_text_within(&self, width: usize) -> String {
        text::render(self, width)
    }

    /// The cell in `row` and `column`; empty where the row is too short.
    pub(crate) fn cell(row: &[String], column: usize) -> &str {
        row.get(column).map_or("", String::as_str)
    }
}
