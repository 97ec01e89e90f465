//! The little markup that texts may have.

use maud::{Markup, PreEscaped, Render, html};

use crate::visible::visible;

const SPECIAL: [char; 4] = ['*', '`', '[', '\\'];

/// `text` so that it stands as it is where markup is read, for file names and labels from outside.
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `text` with its markup as HTML, all else escaped.
pub(super) fn inline(text: &str) -> Markup {
    let mut out = String::new();
    let mut rest = &*visible(text);
    while let Some(at) = rest.find(SPECIAL) {
        rest[..at].render_to(&mut out);
        rest = &rest[at..];
        let (markup, length) = span(rest);
        out.push_str(&markup.0);
        rest = &rest[length..];
    }
    rest.render_to(&mut out);
    PreEscaped(out)
}

/// The markup at the start of `text` and how many bytes it took; the character itself where it opens nothing.
fn span(text: &str) -> (Markup, usize) {
    let between = |open: usize, close: &str| {
        let body = text.get(open..)?;
        let inner = &body[..find_unescaped(body, close)?];
        (!inner.is_empty()).then_some((inner, open + inner.len() + close.len()))
    };
    if let Some(escaped) = text.strip_prefix('\\').and_then(|rest| rest.chars().next()).filter(|c| SPECIAL.contains(c))
    {
        return (html! { (escaped) }, 1 + escaped.len_utf8());
    }
    if text.starts_with("**")
        && let Some((inner, length)) = between(2, "**")
    {
        return (html! { strong { (inline(inner)) } }, length);
    }
    if text.starts_with('`')
        && let Some((inner, length)) = between(1, "`")
    {
        return (html! { code { (unescape(inner)) } }, length);
    }
    if text.starts_with('[')
        && let Some((inner, length)) = between(1, "](#")
        && let Some(end) = text[length..].find(')')
        && is_anchor(&text[length..length + end])
    {
        let target = &text[length..length + end];
        return (html! { a href={ "#" (target) } { (inline(inner)) } }, length + end + 1);
    }
    let first = text.chars().next().unwrap_or_default();
    (html! { (first) }, first.len_utf8())
}

/// Where `needle` first stands in `text` without a backslash before it.
fn find_unescaped(text: &str, needle: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && text[at..].starts_with(needle) {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Takes away the backslashes that [`literal`] adds.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(&next) if c == '\\' && SPECIAL.contains(&next) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

fn is_anchor(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::{inline, literal};

    #[test]
    fn markup_becomes_elements() {
        let cases = [
            ("a **b** c", "a <strong>b</strong> c"),
            ("**a `b`**", "<strong>a <code>b</code></strong>"),
            ("`a < **b**`", "<code>a &lt; **b**</code>"),
            ("[see **1**](#part-1).", "<a href=\"#part-1\">see <strong>1</strong></a>."),
            (r"\*\*a\*\* \\ \`", r"**a** \ `"),
        ];
        for (text, expected) in cases {
            assert_eq!(inline(text).0, expected, "{text}");
        }
    }

    #[test]
    fn what_opens_nothing_stands_as_it_is() {
        let texts = ["2 * 3 ** 4", "`", "**", "****", "[a](b)", "[a](#B c)", "[", "[a](#", r"C:\dir", "é**", "*"];
        for text in texts {
            assert_eq!(inline(text).0, text);
        }
        assert_eq!(inline("[x](javascript:alert(1)) <script>").0, "[x](javascript:alert(1)) &lt;script&gt;");
        assert_eq!(inline(r#"[x](#"onclick=alert(1))"#).0, "[x](#&quot;onclick=alert(1))");
    }

    #[test]
    fn literal_text_survives() {
        for text in ["**a**", "`x`", r"\*", r"\\", "[a](#b)", r"C:\[new]\`", "a_b.jpg"] {
            assert_eq!(inline(&literal(text)).0, text);
            assert_eq!(inline(&format!("`{}`", literal(text))).0, format!("<code>{text}</code>"));
        }
    }
}
