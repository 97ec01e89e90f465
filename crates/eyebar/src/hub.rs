//! Models from a hub that speaks the protocol of Hugging Face's: into its usual cache, and from there among the user's
//! models.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::api::{Progress as Report, RepoInfo};
use hf_hub::{Cache, Repo, RepoType};
use sha1::{Digest, Sha1};

use crate::error::Error;
use crate::hash::{hex, sha256};

/// Tries beyond the first, each from where the one before stopped.
const RETRIES: usize = 3;
/// Set to 1, nothing is asked of the network.
const OFFLINE: &str = "HF_HUB_OFFLINE";

/// A file of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `OWNER/NAME`.
    pub repository: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// The file [default: the only ONNX file].
    pub file: Option<String>,
}

/// A name that is no way out of a folder.
pub(crate) fn is_part(part: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(is_sign)
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_part)
}

/// A file that was pulled.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name in the repository.
    pub file: String,
}

impl Address {
    /// Reads `OWNER/NAME` or `OWNER/NAME@REVISION`, and the name of a file.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str, file: Option<&str>) -> Result<Self, Error> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
        let names = repository.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name));
        if !names || !is_path(revision) || !file.is_none_or(is_path) {
            return Err(Error::Usage(format!(
                "{text:?} is no address on a hub; hint: write OWNER/NAME or OWNER/NAME@REVISION, then the file"
            )));
        }
        let (repository, revision) = (repository.to_owned(), revision.to_owned());
        Ok(Self { repository, revision, file: file.map(str::to_owned) })
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(self.repository.clone(), RepoType::Model, self.revision.clone())
    }
}

/// Pulls a file into the cache of `$HF_HOME` from `$HF_ENDPOINT`, on from where an earlier try stopped, and compares it with
/// the hash that the hub states. `report` hears of bytes done and in all.
///
/// # Errors
/// When the hub cannot be reached or has no such file, the disk is full, or the file is not the one that was stated; what
/// had arrived of a good file is kept for the next try.
pub fn pull(address: &Address, report: &mut dyn FnMut(u64, u64)) -> Result<Pulled, Error> {
    // Answers that no hub gives make the client panic.
    let done = catch_unwind(AssertUnwindSafe(|| pull_file(address, report)));
    done.unwrap_or_else(|_| Err(refused(address, "its answer makes no sense", "check $HF_ENDPOINT")))
}

fn pull_file(address: &Address, report: &mut dyn FnMut(u64, u64)) -> Result<Pulled, Error> {
    let cache = Cache::from_env();
    if std::env::var(OFFLINE).is_ok_and(|value| !["", "0"].contains(&value.as_str())) {
        return cached(address, &cache, &format!("${OFFLINE} is set"));
    }
    let builder = ApiBuilder::from_env().with_progress(false).with_retries(RETRIES);
    let api = builder.build().map_err(|error| failed(address, &error.to_string()))?;
    let repo = api.repo(address.repo());
    let file = match &address.file {
        Some(file) => file.clone(),
        None => match repo.info() {
            Ok(info) => only_model(address, &info)?,
            Err(error) => return unreachable_hub(address, &cache, &error),
        },
    };
    let address = &Address { file: Some(file.clone()), ..address.clone() };
    let stated = match api.metadata(&repo.url(&file)) {
        Ok(stated) => stated,
        Err(error) => return unreachable_hub(address, &cache, &error),
    };
    // Both become names of files in the cache.
    if !is_part(stated.etag()) || !is_part(stated.commit_hash()) {
        return Err(refused(address, "its answer makes no sense", "check $HF_ENDPOINT"));
    }
    if let Some(path) = cache.repo(address.repo()).get(&file)
        && path.canonicalize().is_ok_and(|blob| blob.file_name().is_some_and(|name| name == stated.etag()))
        && is_stated(&path, stated.etag())?
    {
        return Ok(Pulled { path, file });
    }
    let counter = Counter { done: 0, total: 0, report };
    let path = repo.download_with_progress(&file, counter).map_err(|error| failed(address, &error.to_string()))?;
    if is_stated(&path, stated.etag())? {
        return Ok(Pulled { path, file });
    }
    // Neither it nor its beginning is of use to anybody.
    for path in [path.canonicalize().unwrap_or_else(|_| path.clone()), path] {
        let _ = std::fs::remove_file(path);
    }
    let text = format!("{file} is not what the hub states: its hash differs; nothing of it is kept");
    Err(refused(address, &text, "try again, and tell the hub if it stays so"))
}

struct Counter<'a> {
    done: u64,
    total: u64,
    report: &'a mut dyn FnMut(u64, u64),
}

impl Report for Counter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.report)(self.done.min(self.total), self.total);
    }

    fn finish(&mut self) {}
}

/// The one ONNX file of a repository.
fn only_model(address: &Address, info: &RepoInfo) -> Result<String, Error> {
    let files = info.siblings.iter().map(|sibling| sibling.rfilename.as_str());
    let files: Vec<&str> = files.filter(|file| file.ends_with(".onnx") && is_path(file)).collect();
    match files[..] {
        [file] => Ok(file.to_owned()),
        [] => Err(refused(address, "it has no ONNX file", "choose a repository that has")),
        _ => Err(Error::Usage(format!(
            "{} has {} ONNX files; hint: name one of {}",
            address.repository,
            files.len(),
            files.join(", ")
        ))),
    }
}

/// Without a hub, what was pulled before does.
fn unreachable_hub(address: &Address, cache: &Cache, error: &ApiError) -> Result<Pulled, Error> {
    let text = error.to_string();
    // That there is no such file, or not for everybody, is an answer.
    if text.contains("http status: 4") { Err(failed(address, &text)) } else { cached(address, cache, &text) }
}

fn cached(address: &Address, cache: &Cache, why: &str) -> Result<Pulled, Error> {
    let file = address.file.as_deref().unwrap_or("model.onnx");
    match cache.repo(address.repo()).get(file) {
        Some(path) => Ok(Pulled { path, file: file.to_owned() }),
        None => {
            let text = format!("{file} was not pulled before, and the hub cannot be asked: {why}");
            Err(refused(
                address,
                &text,
                "check the network and $HF_ENDPOINT, or bring the file and use `eyebar models add`",
            ))
        }
    }
}

/// Whether a file has the hash that its entity tag is: SHA-256 of large files, git's SHA-1 of small ones. Others say nothing
/// of the content.
fn is_stated(path: &Path, etag: &str) -> Result<bool, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    Ok(match etag.len() {
        64 => sha256(&bytes) == etag,
        40 => {
            let blob = Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(&bytes);
            hex(&blob.finalize()) == etag
        }
        _ => true,
    })
}

fn failed(address: &Address, text: &str) -> Error {
    let hint = match text {
        text if text.contains("401") || text.contains("403") => {
            "the hub gives it only to those who may; put a token in $HF_HOME/token"
        }
        text if text.contains("404") => "check owner, name, revision and file",
        text if text.contains("No space") || text.contains("too large") => {
            "free some space and run it again: it goes on where it stopped"
        }
        _ => "run it again: it goes on where it stopped",
    };
    refused(address, text, hint)
}

fn refused(address: &Address, text: &str, hint: &str) -> Error {
    Error::Refused(format!("{}: {text}; hint: {hint}", address.repository))
}
