//! The HTML report: nothing from outside takes effect in it, and nothing outside is needed by it.

use base64::Engine;
use eyebar_imaging::{ImageError, Limits, RgbImage, decode};
use eyebar_report::{Figure, KeyNumber, Page, Row, Section, Table, html::literal};

#[path = "samples/mod.rs"]
#[allow(dead_code)] // Shared with the goldens.
mod samples;

const ATTACK: &str = r#"<script>alert("1")</script>" onload="x' <img src=//evil.example/x.png> &amp; --> </style>"#;

/// A page with `text` wherever text can be.
fn filled(text: &str) -> Page {
    let table = Table::new(text).text(text).number(text, text).row([text, text]).note(text);
    let section = Section::new(text)
        .anchor(text)
        .paragraph(text)
        .subheading(text)
        .list([text])
        .code(text)
        .numbers([KeyNumber::new(text, text).detail(text)])
        .figure(samples::texture(3, 16), text, text)
        .table(&table)
        .finding(text)
        .caution(text);
    Page::new(text).lead(text).summary(section.clone()).section(section.clone()).section(section).footer([(text, text)])
}

/// The names of all elements and, of those with attributes, the attributes' names; fails where a tag is not closed.
fn tags(html: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let mut quoted = false;
        let end = rest
            .find(|c| {
                quoted ^= c == '"';
                c == '>' && !quoted
            })
            .expect("a closed tag");
        let mut name = String::new();
        let mut attributes = Vec::new();
        let mut quoted = false;
        for (index, part) in rest[..end].split('"').enumerate() {
            if !quoted {
                let mut words = part.split_ascii_whitespace();
                if index == 0 {
                    name = words.next().unwrap_or_default().to_string();
                }
                attributes
                    .extend(words.map(|word| word.trim_end_matches('=').to_string()).filter(|word| !word.is_empty()));
            }
            quoted = !quoted;
        }
        rest = &rest[end + 1..];
        found.push((name, attributes));
    }
    found
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let hostile = filled(ATTACK).render().expect("a page");
    assert_eq!(tags(&hostile), tags(&filled("harmless").render().expect("a page")));
    let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&quot; onload=&quot;x";
    assert!(!hostile.contains("<script"));
    // Title, heading, lead, alternative text, caption, label of a tile, cell, footer.
    for place in ["<title>", "<h1>", "lead\">", "alt=\"", "</b> ", "<dt>", "scope=\"row\">", "<dd><code>"] {
        assert!(hostile.contains(&format!("{place}{escaped}")), "not escaped as text after {place}");
    }
}

#[test]
fn markup_in_a_name_from_outside_is_shown_as_it_is() {
    let name = r"**a** [b](#c) `d`\*";
    let page = Page::new(name).lead(format!("File {}.", literal(name))).render().expect("a page");
    assert!(page.contains(&format!("<h1>{name}</h1>")) && page.contains(&format!("File {name}.</p>")));
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let page = filled("text").render().expect("a page");
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    let without_policy = page.replace("http-equiv=", "");
    for outside in ["http", "url(", "@import", "<script", "<link", "<iframe", "//"] {
        // Base64 may hold two slashes in a row.
        let text: String =
            without_policy.split("base64,").map(|part| part.split_once('"').map_or(part, |(_, b)| b)).collect();
        assert!(!text.contains(outside), "{outside} in the page");
    }
    let sources: Vec<&str> = page.split("src=\"").skip(1).collect();
    assert!(sources.len() == 3 && sources.iter().all(|source| source.starts_with("data:image/png;base64,")));
    let targets: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for target in targets {
        let id = target.strip_prefix('#').expect("a place in the page");
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{target}");
    }
}

#[test]
fn a_figure_travels_as_its_png() {
    let figure = Figure::new("A figure").row(Row::new("", [eyebar_report::Cell::picture(samples::texture(5, 40))]));
    let page = Page::new("t").section(Section::new("s").figure(&figure, "alt", "caption")).render().expect("a page");
    let data = page.split("base64,").nth(1).and_then(|rest| rest.split('"').next()).expect("a picture");
    let png = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
    let decoded = decode(&png, &Limits::default()).expect("a PNG");
    assert_eq!(decoded.image, figure.render());
    let (width, height) = decoded.image.dimensions();
    let (shown, high) = (width * 3 / 5, (height * 3).div_ceil(5));
    assert!(page.contains(&format!("width=\"{shown}\" height=\"{high}\" alt=\"alt\"")), "{width} × {height}");
}

#[test]
fn sections_with_one_heading_have_their_own_anchors() {
    let headings = ["Same", "Same", "Same 2", "", "田中", "content", "figure-1"];
    let page = headings.iter().fold(Page::new("t"), |page, heading| page.section(Section::new(*heading)));
    let html = page.render().expect("a page");
    let ids: Vec<&str> = html.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids, ["same", "same-2", "same-2-2", "part", "part-2", "content-2", "part-figure-1"]);
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let page = Page::new("t").section(Section::new("s").figure(RgbImage::new(0, 0), "alt", ""));
    assert!(matches!(page.render(), Err(ImageError::Encode { .. })));
}

#[test]
fn an_empty_page_is_a_page() {
    let html = Page::default().render().expect("a page");
    assert!(html.ends_with("</html>") && !html.contains("<nav") && !html.contains("<footer"));
}
