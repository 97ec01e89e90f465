//! Tables in columns of characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Kind, Table};
use crate::visible::visible;

const GAP: &str = "  ";
/// Columns of text are not made narrower than this, as words would no longer be readable.
const MIN_TEXT: usize = 12;
const MAX_LINES: usize = 3;
/// Titles and notes are prose: they may take as many lines as they need.
const ANY_LINES: usize = usize::MAX;

pub(super) fn render(table: &Table, width: usize) -> String {
    let width = width.max(MIN_TEXT);
    let widths = widths(table, width);
    let mut out = String::new();
    prose(&mut out, &table.title, width);
    if !table.columns.is_empty() {
        let headings: Vec<String> = table.columns.iter().map(|column| column.heading()).collect();
        let cells: Vec<_> = headings.iter().zip(&widths).map(|(text, &w)| wrap(&visible(text), w, MAX_LINES)).collect();
        lines(&mut out, table, &widths, &cells, true);
        let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
        out += &rule.join(GAP);
        out.push('\n');
        for row in &table.rows {
            let cells: Vec<_> =
                widths.iter().enumerate().map(|(i, &w)| wrap(&visible(Table::cell(row, i)), w, MAX_LINES)).collect();
            lines(&mut out, table, &widths, &cells, false);
        }
    }
    prose(&mut out, &table.note, width);
    out
}

fn prose(out: &mut String, text: &str, width: usize) {
    for line in wrap(&visible(text), width, ANY_LINES) {
        out.push_str(&line);
        out.push('\n');
    }
}

/// The width of each column, as wide as its content where there is room.
fn widths(table: &Table, width: usize) -> Vec<usize> {
    let mut floors = Vec::new();
    let mut widths = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        let heading = column.heading();
        let cells = table.rows.iter().map(|row| visible(Table::cell(row, index)).width()).max().unwrap_or(0);
        let natural = cells.max(visible(&heading).width()).clamp(1, width);
        let floor = match column.kind {
            Kind::Text => MIN_TEXT,
            Kind::Number => cells.max(visible(&heading).split(' ').map(str::width).max().unwrap_or(0)),
        };
        floors.push(floor.min(natural));
        widths.push(natural);
    }
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    for kind in [Kind::Number, Kind::Text] {
        while widths.iter().sum::<usize>() + gaps > width {
            let shrinkable = |&i: &usize| table.columns[i].kind == kind && widths[i] > floors[i];
            let Some(widest) = (0..widths.len()).filter(shrinkable).max_by_key(|&i| widths[i]) else { break };
            widths[widest] -= 1;
        }
    }
    widths
}

/// One row of wrapped cells; headers stand on the rule, cells hang from the top.
fn lines(out: &mut String, table: &Table, widths: &[usize], cells: &[Vec<String>], at_bottom: bool) {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
    for line in 0..height {
        let start = out.len();
        for (index, cell) in cells.iter().enumerate() {
            let skipped = if at_bottom { height - cell.len() } else { 0 };
            let text = line.checked_sub(skipped).and_then(|line| cell.get(line)).map_or("", String::as_str);
            let space = " ".repeat(widths[index].saturating_sub(text.width()));
            if index > 0 {
                out.push_str(GAP);
            }
            match table.columns[index].kind {
                Kind::Text => out.extend([text, &space]),
                Kind::Number => out.extend([space.as_str(), text]),
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// `text` in lines of at most `width` columns, broken at spaces, inside a word only where the word alone is too wide;
/// cut with `…` after `max_lines`.
fn wrap(text: &str, width: usize, max_lines: usize) -> Vec<String> {
    if text.width() <= width {
        return if text.is_empty() { Vec::new() } else { vec![text.to_string()] };
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = word.width();
        if used > 0 && used + 1 + needed <= width {
            line.push(' ');
            line.push_str(word);
            used += 1 + needed;
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if lines.len() > max_lines {
            break;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > width && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += columns;
        }
    }
    if used > 0 {
        lines.push(line);
    }
    if lines.len() > max_lines {
        lines.truncate(max_lines);
        if let Some(last) = lines.last_mut() {
            while last.width() >= width && last.pop().is_some() {}
            last.push('…');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn text_is_wrapped_at_spaces_and_cut_at_the_end() {
        assert_eq!(wrap("the eyes and the nose", 9, 3), ["the eyes", "and the", "nose"]);
        assert_eq!(wrap("one two three four five", 5, 3), ["one", "two", "thre…"]);
        assert_eq!(wrap("abcdefghij kl", 4, 9), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("田中角栄", 5, 3), ["田中", "角栄"]);
        assert!(wrap("", 5, 3).is_empty());
    }
}
