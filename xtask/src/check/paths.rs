//! Absolute paths of the machine that somebody worked on.

use super::tree::Tree;

/// Folders at the root of a machine in which people, and the programs they run, keep their files.
const ROOTS: [&str; 8] = ["Users", "home", "media", "mnt", "root", "tmp", "work", "workspace"];

/// Files, binary ones too, in which a path below one of [`ROOTS`] stands.
pub(super) fn faults(tree: &Tree) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for file in tree.files() {
        if let Some((line, root)) = find(&tree.read(file)?) {
            faults.push(format!("{file}:{line} has a path of somebody's machine: {}…", start(root)));
        }
    }
    Ok(faults)
}

/// How such a path begins. Put together here, so that this file does not contain what it looks for.
fn start(root: &str) -> String {
    format!("/{root}/")
}

/// Line and root of the first path of a machine.
fn find(content: &[u8]) -> Option<(usize, &'static str)> {
    let slashes = content.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for at in slashes.filter(|&at| at == 0 || begins_after(content[at - 1])) {
        let found = ROOTS.into_iter().find(|root| content[at..].starts_with(start(root).as_bytes()));
        if let Some(root) = found {
            return Some((1 + content[..at].iter().filter(|byte| **byte == b'\n').count(), root));
        }
    }
    None
}

/// Whether a path that follows this byte is absolute, and not the rest of a longer one.
fn begins_after(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || b"_-.~}$)*%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{find, start};

    #[test]
    fn absolute_paths_are_found_with_their_line() {
        let path = start("home") + "me/x.rs";
        for before in ["", " ", "\"", "=", "(", "file://", "C:", "\0", "\n"] {
            let text = format!("first\n{before}{path}");
            let line = if before == "\n" { 3 } else { 2 };
            assert_eq!(find(text.as_bytes()), Some((line, "home")), "{text:?}");
        }
        assert_eq!(find(path.as_bytes()), Some((1, "home")));
    }

    #[test]
    fn relative_paths_and_addresses_are_not() {
        let path = start("work") + "x";
        for before in ["~", "..", "$HOME", "${A}", "https://example.org", "docs"] {
            assert_eq!(find(format!("{before}{path}").as_bytes()), None, "{before:?}");
        }
        assert_eq!(find(b"/usr/bin/env /worker/ /home"), None);
    }
}
