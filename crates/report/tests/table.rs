//! Tables as a terminal shows them.

use eyebar_report::Table;
use unicode_width::UnicodeWidthStr;

#[test]
fn text_stands_left_and_numbers_right() {
    let table = Table::new("Regions")
        .text("region")
        .number("share", "%")
        .text("reading")
        .row(["eyes", "41.3", "more"])
        .row(["Müller 田中", "−8.1", ""])
        .row(["short row"])
        .note("Made up.");
    let expected = "\
Regions
region       share (%)  reading
───────────  ─────────  ───────
eyes              41.3  more
Müller 田中       −8.1
short row
Made up.
";
    assert_eq!(table.to_text(), expected);
}

#[test]
fn wide_tables_wrap_headers_then_text_and_keep_numbers_whole() {
    let table = Table::new("")
        .text("class")
        .number("mean activation after", "")
        .row(["academic gown, academic robe, judge’s robe", "1234.56"])
        .row(["donaudampfschifffahrtsgesellschaft", "−0.1"]);
    let expected = [
        "                        mean",
        "                  activation",
        "class                  after",
        "────────────────  ──────────",
        "academic gown,       1234.56",
        "academic robe,",
        "judge’s robe",
        "donaudampfschiff        −0.1",
        "fahrtsgesellscha",
        "ft",
        "",
    ];
    assert_eq!(table.to_text_within(28), expected.join("\n"));
}

#[test]
fn a_long_cell_is_cut_and_the_table_keeps_to_its_width() {
    let words = "word ".repeat(10_000);
    let path = "x".repeat(100_000);
    let table = Table::new(&words).text("a").text("b").number("n", "").row([&words, &path, "12"]).note(&path);
    let text = table.to_text();
    assert!(text.lines().all(|line| line.width() <= 100), "wider than 100 columns");
    let row: Vec<&str> = text.lines().skip_while(|line| !line.starts_with('─')).skip(1).take(3).collect();
    assert!(row[0].ends_with("  12") && row[2].matches('…').count() == 2, "{row:?}");
}

#[test]
fn hostile_cells_send_nothing_to_the_terminal() {
    let bad = "a\x1b]0;title\x07\u{202e}\r\nb";
    let text = Table::new(bad).text(bad).row([bad]).note(bad).to_text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn tables_without_content_are_empty() {
    assert_eq!(Table::default().to_text(), "");
    assert_eq!(Table::new("").text("a").to_text(), "a\n─\n");
}

#[test]
fn a_table_is_plain_json() {
    let table = Table::new("t").text("a").number("b", "ms").row(["x", "1"]);
    let expected = serde_json::json!({
        "title": "t",
        "columns": [{ "name": "a", "kind": "text" }, { "name": "b", "kind": "number", "unit": "ms" }],
        "rows": [["x", "1"]],
        "note": "",
    });
    assert_eq!(serde_json::to_value(&table).expect("plain data"), expected);
}
