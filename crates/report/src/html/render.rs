//! From page to HTML.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eyebar_imaging::{ImageError, RgbImage, encode};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::markup::inline;
use super::{Block, Callout, KeyNumber, Page, Section};
use crate::table::{Column, Kind, Table};
use crate::visible::visible;

const STYLE: &str = include_str!("page.css");
/// Even if something slipped through the escaping, a browser would load nothing and run nothing.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

pub(super) fn page(page: &Page) -> Result<String, ImageError> {
    let mut count = Count::default();
    let anchors = anchors(&page.sections);
    let summary = blocks(&page.summary, &mut count)?;
    let mut sections = Vec::new();
    for (section, anchor) in page.sections.iter().zip(&anchors) {
        let content = blocks(section, &mut count)?;
        sections.push(html! {
            section aria-labelledby=(anchor) {
                h2 id=(anchor) { span.number { (sections.len() + 1) } " " (visible(&section.heading)) }
                (content)
            }
        });
    }
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible(&page.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                div.page.with-contents[page.sections.len() > 1] {
                    header {
                        h1 { (visible(&page.title)) }
                        @for text in &page.leads { p.lead { (inline(text)) } }
                    }
                    @if page.sections.len() > 1 { (contents(&page.sections, &anchors)) }
                    main #content {
                        (summary)
                        @for section in &sections { (section) }
                    }
                    @if !page.footer.is_empty() { (footer(&page.footer)) }
                }
            }
        }
    };
    Ok(markup.into_string())
}

/// How many there were so far.
#[derive(Default)]
struct Count {
    figures: usize,
    tables: usize,
}

/// A name for each section: short, safe in a link, and used once.
fn anchors(sections: &[Section]) -> Vec<String> {
    // Names that the page itself uses.
    let mut taken = HashSet::from(["content".to_string()]);
    let mut anchors = Vec::new();
    for section in sections {
        let name = section.anchor.as_deref().map_or_else(|| slug(&section.heading, 8), |name| slug(name, usize::MAX));
        let name = match name.as_str() {
            "" => "part".to_string(),
            name if ["figure-", "table-"].iter().any(|prefix| name.starts_with(prefix)) => format!("part-{name}"),
            _ => name,
        };
        let mut anchor = name.clone();
        let mut number = 2;
        while !taken.insert(anchor.clone()) {
            anchor = format!("{name}-{number}");
            number += 1;
        }
        anchors.push(anchor);
    }
    anchors
}

fn slug(text: &str, max_words: usize) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take(max_words).collect::<Vec<_>>().join("-")
}

fn contents(sections: &[Section], anchors: &[String]) -> Markup {
    html! {
        nav aria-label="Contents" {
            p.nav-title { "Contents" }
            ol {
                @for (section, anchor) in sections.iter().zip(anchors) {
                    li { a href={ "#" (anchor) } { (visible(&section.heading)) } }
                }
            }
        }
    }
}

fn footer(facts: &[(String, String)]) -> Markup {
    html! {
        footer {
            h2 { "How this report was made" }
            dl {
                @for (label, value) in facts {
                    div { dt { (visible(label)) } dd { code { (visible(value)) } } }
                }
            }
        }
    }
}

fn blocks(section: &Section, count: &mut Count) -> Result<Markup, ImageError> {
    let blocks = section.blocks.iter().map(|content| block(content, count)).collect::<Result<Vec<_>, _>>()?;
    Ok(html! { @for block in &blocks { (block) } })
}

fn block(block: &Block, count: &mut Count) -> Result<Markup, ImageError> {
    Ok(match block {
        Block::Paragraph(text) => html! { p { (inline(text)) } },
        Block::Subheading(text) => html! { h3 { (visible(text)) } },
        Block::List(items) => html! { ul { @for item in items { li { (inline(item)) } } } },
        Block::Code(text) => {
            let lines = text.lines().map(visible).collect::<Vec<_>>().join("\n");
            html! { pre tabindex="0" { code { (lines) } } }
        }
        Block::Numbers(numbers) => tiles(numbers),
        Block::Picture { image, alt, caption } => {
            count.figures += 1;
            picture(count.figures, image, alt, caption)?
        }
        Block::Table(content) => {
            count.tables += 1;
            table(count.tables, content)
        }
        Block::Callout(kind, text) => callout(*kind, text),
    })
}

fn tiles(numbers: &[KeyNumber]) -> Markup {
    html! {
        dl.numbers {
            @for number in numbers {
                div {
                    dt { (visible(&number.label)) }
                    dd { (visible(&number.value)) }
                    @if !number.detail.is_empty() { dd.detail { (visible(&number.detail)) } }
                }
            }
        }
    }
}

/// A picture that opens at its full size by its own anchor: a second copy would double the file, and browsers refuse to
/// follow a link to data.
fn picture(number: usize, image: &RgbImage, alt: &str, caption: &str) -> Result<Markup, ImageError> {
    let data = STANDARD.encode(encode::png(image)?);
    let (place, full) = (format!("figure-{number}"), format!("figure-{number}-full"));
    let (width, height) = shown_size(image.dimensions());
    let alt = if alt.trim().is_empty() { caption } else { alt };
    Ok(html! {
        div.figure id=(place) {
            figure id=(full) {
                a.close href={ "#" (place) } { "Close" }
                a.zoom href={ "#" (full) } title="Show at full size" {
                    img src={ "data:image/png;base64," (data) } width=(width) height=(height)
                        alt=(visible(alt));
                }
                figcaption { b { "Figure " (number) "." } " " (inline(caption)) }
            }
        }
    })
}

/// Figures and charts are drawn large, for slides; at this share of their size their text is as large as the page's.
/// Small pictures such as photographs keep their own size.
fn shown_size((width, height): (u32, u32)) -> (u32, u32) {
    let shown = width.min((width / 5 * 3).max(512));
    (shown, (u64::from(height) * u64::from(shown)).div_ceil(u64::from(width.max(1))) as u32)
}

fn table(number: usize, table: &Table) -> Markup {
    let caption = format!("table-{number}");
    html! {
        div.table {
            // Reachable by keyboard, so that a wide table can be scrolled without a mouse.
            div.scroll tabindex="0" role="region" aria-labelledby=(caption) {
                table {
                    caption id=(caption) { span { b { "Table " (number) "." } " " (visible(&table.title)) } }
                    thead {
                        tr { @for column in &table.columns { (heading(column)) } }
                    }
                    tbody {
                        @for row in &table.rows {
                            tr { @for (index, column) in table.columns.iter().enumerate() {
                                (cell(index, column, Table::cell(row, index)))
                            } }
                        }
                    }
                }
            }
            @if !table.note.is_empty() { p.note { (visible(&table.note)) } }
        }
    }
}

fn heading(column: &Column) -> Markup {
    let unit = column.unit.as_deref().filter(|unit| !unit.is_empty());
    html! {
        th scope="col" .number[column.kind == Kind::Number] {
            (visible(&column.name))
            @if let Some(unit) = unit { " " span.unit { "(" (visible(unit)) ")" } }
        }
    }
}

fn cell(index: usize, column: &Column, text: &str) -> Markup {
    html! {
        @match (index, column.kind) {
            (0, Kind::Text) => { th scope="row" { (visible(text)) } }
            (_, Kind::Text) => { td { (visible(text)) } }
            (_, Kind::Number) => { td.number { (visible(text)) } }
        }
    }
}

fn callout(kind: Callout, text: &str) -> Markup {
    let (class, name) = match kind {
        Callout::Finding => ("finding", "Finding"),
        Callout::Caution => ("caution", "Caution"),
    };
    html! {
        div class={ "callout " (class) } role="note" {
            p { strong.kind { (name) } " " (inline(text)) }
        }
    }
}
