//! Text from outside (file names, labels of models) that must not act on the terminal or the page that shows it.

use std::borrow::Cow;

/// `text` with line breaks and tabs as spaces, and every other control character, and every character that turns the
/// direction of writing, as `�`: a file name can neither send commands to a terminal nor reverse the rest of a line.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| replacement(c).is_some()) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| replacement(c).unwrap_or(c)).collect::<String>().into()
}

fn replacement(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        c if c.is_control() => Some('\u{fffd}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn commands_to_the_terminal_lose_their_power() {
        assert_eq!(visible("a\x1b[2Jb\u{202e}c\nd\0"), "a\u{fffd}[2Jb\u{fffd}c d\u{fffd}");
        assert_eq!(visible("Müller – 田中 👩‍🚀.jpg"), "Müller – 田中 👩‍🚀.jpg");
    }
}
