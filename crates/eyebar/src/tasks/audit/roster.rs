//! What a shard of an audit says about itself, so that all of them can be put together without the photographs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use eyebar_imaging::encode::write_atomic;
use serde::{Deserialize, Serialize};

use super::AuditRequest;
use super::cast::Cast;
use crate::error::Error;

/// How the file beside the embeddings begins and ends: several shards may be written to one folder.
const FILE: (&str, &str) = ("shard-", ".json");

/// Part `index` of `count`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) && count <= 100_000 => Ok(Self { index, count }),
            _ => Err(format!("{text:?} is no part; hint: write 1/4 for the first of four")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Everything but the embeddings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Roster {
    pub(super) shard: Shard,
    pub(super) settings: String,
    pub(super) models: Vec<String>,
    pub(super) request: AuditRequest,
    pub(super) cast: Cast,
    /// Hashes of the photographs that this shard looked at.
    pub(super) hashes: BTreeMap<String, String>,
}

impl Roster {
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(self).map_err(Error::serialise("the shard"))?;
        let Shard { index, count } = self.shard;
        Ok(write_atomic(&folder.join(format!("{}{index}-of-{count}{}", FILE.0, FILE.1)), &json)?)
    }

    /// The files of a folder, by name.
    fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let failed = |source| Error::Read { path: folder.to_path_buf(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(FILE.0) && name.ends_with(FILE.1) {
                files.push(entry.path());
            }
        }
        files.sort();
        if files.is_empty() {
            let folder = folder.display();
            return Err(Error::Usage(format!("{folder} is no shard; hint: name the folders that --shard wrote")));
        }
        Ok(files)
    }

    /// Reads the rosters of all shards, and puts the hashes of all into one.
    ///
    /// # Errors
    /// When one cannot be read, they do not belong together, or some are missing.
    pub(super) fn merged(folders: &[impl AsRef<Path>]) -> Result<Self, Error> {
        let mut merged: Option<Self> = None;
        let mut there: Vec<usize> = Vec::new();
        let mut paths = Vec::new();
        for folder in folders {
            paths.extend(Self::files(folder.as_ref())?);
        }
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
            let own: Self = serde_json::from_str(&text).map_err(|error| {
                Error::Usage(format!("{}: {error}; hint: name the folders that --shard wrote", path.display()))
            })?;
            there.push(own.shard.index);
            match &mut merged {
                None => merged = Some(own),
                Some(all) => {
                    if (&all.request, &all.cast, &all.settings, all.shard.count)
                        != (&own.request, &own.cast, &own.settings, own.shard.count)
                    {
                        return Err(Error::Usage(format!(
                            "{} belongs to another audit; hint: make all shards with one command",
                            path.display()
                        )));
                    }
                    all.hashes.extend(own.hashes);
                }
            }
        }
        let merged = merged.ok_or_else(|| Error::Usage("no shard is named; hint: name all folders".to_owned()))?;
        let missing: Vec<String> =
            (1..=merged.shard.count).filter(|index| !there.contains(index)).map(|index| index.to_string()).collect();
        if !missing.is_empty() {
            return Err(Error::Usage(format!(
                "of {} shards these are missing: {}; hint: name the folders of all",
                merged.shard.count,
                missing.join(", ")
            )));
        }
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        assert_eq!(Shard { index: 2, count: 4 }.to_string(), "2/4");
        for text in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", "1/1000000"] {
            assert!(text.parse::<Shard>().unwrap_err().contains("hint"), "{text}");
        }
    }
}
