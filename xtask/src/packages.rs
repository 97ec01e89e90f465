//! Python packages that tests run, installed where no other program sees them.

use std::path::Path;
use std::process::Command;

/// Some packages in a folder of their own.
pub(crate) struct Packages {
    /// The folder, below the root.
    pub(crate) folder: &'static str,
    /// A folder that is there once they are installed.
    pub(crate) witness: &'static str,
    /// What pip is asked for.
    pub(crate) wanted: &'static [&'static str],
    /// Whether what they depend on is installed too.
    pub(crate) dependencies: bool,
    /// What goes without them.
    pub(crate) without: &'static str,
}

impl Packages {
    /// Installs the packages where they are not there yet. Where that cannot be done, it says so, and what needs them goes
    /// without.
    pub(crate) fn install(&self, root: &Path) {
        let (folder, wanted) = (root.join(self.folder), self.wanted.join(", "));
        if folder.join(self.witness).is_dir() {
            println!("{} is there", self.folder);
            return;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        if !self.dependencies {
            pip.arg("--no-deps");
        }
        pip.arg("--target").arg(&folder).args(self.wanted);
        match pip.status() {
            Ok(status) if status.success() => println!("installed {wanted} in {}", self.folder),
            result => {
                let reason = result.map_or_else(|error| error.to_string(), |status| status.to_string());
                println!("warning: {wanted} could not be installed ({reason}), so {}", self.without);
            }
        }
    }
}
