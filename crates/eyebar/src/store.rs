//! Models that a user added: a folder of the user's data with a file and a description for each.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use etcetera::BaseStrategy;
use eyebar_imaging::InputSpec;
use eyebar_imaging::encode::write_atomic;
use eyebar_network::onnx;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::hash::sha256;
use crate::hub::is_part;
use crate::manifest::entries;
use crate::model::Model;
use crate::provenance::written;

/// Names the folder; otherwise it lies among the user's data.
const FOLDER: &str = "EYEBAR_MODELS";
/// Longest name.
const LONGEST: usize = 64;

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// What is known of a model that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// How the command line calls it.
    pub name: String,
    /// One line for people.
    pub title: Option<String>,
    /// SPDX expression, as whoever added it said.
    pub licence: Option<String>,
    /// How photographs are fed, as `--input` takes it.
    pub input: Option<String>,
    /// The file or address that it came from.
    pub source: String,
    /// Size of the file.
    pub bytes: u64,
    /// Hash of the file, hexadecimal.
    pub sha256: String,
}

/// What whoever adds a model knows of it.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// One line for people.
    pub title: Option<String>,
    /// SPDX expression.
    pub licence: Option<String>,
    /// How photographs are fed.
    pub input: Option<InputSpec>,
    /// Where it came from [default: the file].
    pub source: Option<String>,
}

impl Store {
    /// The folder that `$EYEBAR_MODELS` names, or `eyebar/models` among the user's data.
    ///
    /// # Errors
    /// When the user has no home.
    pub fn user() -> Result<Self, Error> {
        if let Some(folder) = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
            return Ok(Self { folder: folder.into() });
        }
        let strategy = etcetera::choose_base_strategy()
            .map_err(|_| Error::Usage(format!("no home folder is known; hint: name one for models with ${FOLDER}")))?;
        Ok(Self { folder: strategy.data_dir().join("eyebar").join("models") })
    }

    /// All models in it, by name.
    ///
    /// # Errors
    /// When the folder or a description cannot be read.
    pub fn list(&self) -> Result<Vec<Added>, Error> {
        let read = |source| Error::Read { path: self.folder.clone(), source };
        let listing = match std::fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(read(error)),
        };
        let mut all = Vec::new();
        for entry in listing {
            let path = entry.map_err(read)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
            all.extend(name.map(|name| self.get(name)).transpose()?.flatten());
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The model of this name, if there is one.
    ///
    /// # Errors
    /// When its description cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Added>, Error> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let path = self.description(name);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let added: Added = serde_json::from_slice(&text).map_err(|error| {
            let path = path.display();
            Error::Usage(format!(
                "{path}: no description of a model ({error}); hint: remove it and add the model again"
            ))
        })?;
        Ok(Some(Added { name: name.to_owned(), ..added }))
    }

    /// Opens a model, fed as `spec` says where it is given.
    ///
    /// # Errors
    /// When its file is not there, broken, or another than was added.
    pub(crate) fn open(&self, added: &Added, spec: Option<InputSpec>) -> Result<Model, Error> {
        let own = added.input.as_deref().map(str::parse).transpose()?;
        let model = Model::file(&self.file(&added.name), spec.or(own))?;
        if model.sha256() != added.sha256 {
            return Err(changed(&added.name));
        }
        Ok(model.called(&added.name))
    }

    /// Adds the ONNX file `from` as `name`: as one file, so weights that lie beside it come along.
    ///
    /// # Errors
    /// When the name is taken or no name, Eyebar cannot run the model, or the folder cannot be written.
    pub fn add(&self, name: &str, from: &Path, about: &About) -> Result<Added, Error> {
        check_name(name)?;
        if entries().iter().any(|entry| entry.name == name) || self.get(name)?.is_some() {
            return Err(Error::Usage(format!(
                "there is a model {name:?} already; hint: choose another name, or `eyebar models remove {name}` first"
            )));
        }
        let model = Model::file(from, about.input.clone())?;
        let read = |source| Error::Read { path: from.to_path_buf(), source };
        let bytes = Bytes::from(std::fs::read(from).map_err(read)?);
        let bytes = match onnx::read(bytes.clone()) {
            Ok(_) => bytes,
            // Its weights lie in other files.
            Err(_) => onnx::write(model.graph(), name, &[]).into(),
        };
        let source = from.canonicalize().unwrap_or_else(|_| from.to_path_buf()).display().to_string();
        let added = Added {
            name: name.to_owned(),
            title: about.title.clone(),
            licence: about.licence.clone(),
            input: about.input.as_ref().map(written),
            source: about.source.clone().unwrap_or(source),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        };
        let write = |source| Error::Write { path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(write)?;
        write_atomic(&self.file(name), &bytes)?;
        let text = serde_json::to_vec_pretty(&added).map_err(Error::serialise("the model's description"))?;
        // Last: what has no description is not there.
        if let Err(error) = write_atomic(&self.description(name), &text) {
            let _ = std::fs::remove_file(self.file(name));
            return Err(error.into());
        }
        Ok(added)
    }

    /// Removes a model.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        // A description that is broken is removed like any other.
        if check_name(name).is_err() || !self.description(name).exists() {
            return Err(no_such(name));
        }
        for path in [self.description(name), self.file(name)] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Write { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a model's file, and compares it with its hash.
    ///
    /// # Errors
    /// When it is not there, or another than was added.
    pub fn verify(&self, added: &Added) -> Result<(), Error> {
        let path = self.file(&added.name);
        let bytes = std::fs::read(&path).map_err(|source| Error::Read { path, source })?;
        if sha256(&bytes) == added.sha256 { Ok(()) } else { Err(changed(&added.name)) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.onnx"))
    }

    fn description(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn changed(name: &str) -> Error {
    Error::Refused(format!(
        "model {name}: its file is not the one that was added; hint: `eyebar models remove {name}`, and add it again from \
         where it came"
    ))
}

fn no_such(name: &str) -> Error {
    Error::Usage(format!("no model {name:?} was added; hint: `eyebar models list` names all"))
}

/// Names are words of a command, and of files.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.len() <= LONGEST && is_part(name) && !name.starts_with('-') && !name.ends_with(".onnx") {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{name:?} is no name for a model; hint: use up to {LONGEST} letters, digits, hyphens, underscores and dots, and no \
         ending"
    )))
}
