//! Licence expressions (SPDX 2.3, annex D), as far as crates use them.

/// Whether `expression` can be satisfied with the licences of `allowed` alone. `WITH` and its exception belong to the
/// identifier before it; `/` is the old way to write `OR`.
///
/// # Errors
/// When it is not a licence expression.
pub(super) fn satisfied(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    match (parser.any(), parser.tokens) {
        (Some(result), []) => Ok(result),
        _ => Err(format!("{expression:?} is not a licence expression")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn accept(&mut self, token: &str) -> bool {
        let accepted = self.tokens.first() == Some(&token);
        if accepted {
            self.tokens = &self.tokens[1..];
        }
        accepted
    }

    /// Terms joined by `OR`, which binds less than `AND`.
    fn any(&mut self) -> Option<bool> {
        let mut result = self.all()?;
        while self.accept("OR") {
            result |= self.all()?;
        }
        Some(result)
    }

    fn all(&mut self) -> Option<bool> {
        let mut result = self.one()?;
        while self.accept("AND") {
            result &= self.one()?;
        }
        Some(result)
    }

    fn one(&mut self) -> Option<bool> {
        if self.accept("(") {
            let result = self.any()?;
            return self.accept(")").then_some(result);
        }
        let name = self.next().filter(|name| !["AND", "OR", "WITH", ")"].contains(name))?;
        let name = if self.accept("WITH") { format!("{name} WITH {}", self.next()?) } else { name.to_owned() };
        Some(self.allowed.contains(&name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    const ALLOWED: [&str; 3] = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];

    #[test]
    fn one_choice_is_enough_but_every_part_counts() {
        let yes = ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "MIT AND Apache-2.0", "(GPL-2.0 OR MIT) AND Apache-2.0"];
        for expression in yes {
            assert_eq!(satisfied(expression, &ALLOWED), Ok(true), "{expression}");
        }
        let no = ["GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR MPL-2.0", "(MIT OR Apache-2.0) AND Unknown", "mit"];
        for expression in no {
            assert_eq!(satisfied(expression, &ALLOWED), Ok(false), "{expression}");
        }
    }

    #[test]
    fn and_binds_more_than_or() {
        assert_eq!(satisfied("MIT OR GPL-3.0 AND GPL-2.0", &ALLOWED), Ok(true));
        assert_eq!(satisfied("GPL-3.0 AND GPL-2.0 OR MIT", &ALLOWED), Ok(true));
        assert_eq!(satisfied("(MIT OR GPL-3.0) AND GPL-2.0", &ALLOWED), Ok(false));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert_eq!(satisfied("Apache-2.0 WITH LLVM-exception OR GPL-3.0", &ALLOWED), Ok(true));
        assert_eq!(satisfied("MIT WITH LLVM-exception", &ALLOWED), Ok(false));
    }

    #[test]
    fn nonsense_is_an_error() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "AND MIT", "MIT WITH", "()"] {
            assert!(satisfied(expression, &ALLOWED).is_err(), "{expression:?}");
        }
    }
}
