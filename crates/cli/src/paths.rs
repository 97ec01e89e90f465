//! Looks at the files a command will write before it works: an error after a minute's work helps nobody.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use eyebar::Error;

/// Checks that each of `outputs` can be written, and that none is one of `inputs` or named twice.
///
/// # Errors
/// What is in the way, with a remedy.
pub(crate) fn check(inputs: &[&Path], outputs: &[&Path]) -> Result<(), Error> {
    for (index, output) in outputs.iter().enumerate() {
        writable(output)?;
        if let Some(input) = inputs.iter().find(|input| is_same(input, output)) {
            return Err(Error::Usage(format!(
                "{} would be overwritten, and it is read; hint: name another file for what is written",
                input.display()
            )));
        }
        if outputs[..index].iter().any(|other| is_same(other, output)) {
            return Err(Error::Usage(format!(
                "{} would be written twice; hint: give each output a name of its own (figure .png, raw map .npy)",
                output.display()
            )));
        }
    }
    Ok(())
}

/// Checks that `folder` is a folder, or that one can be made there.
///
/// # Errors
/// What is in the way, with a remedy.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Error> {
    if folder.exists() && !folder.is_dir() {
        let source = IoError::new(ErrorKind::NotADirectory, "it is a file");
        return Err(Error::Write { path: folder.to_path_buf(), source });
    }
    Ok(())
}

/// Checks that a picture's name ends in that of a format that is written.
///
/// # Errors
/// With the names that do.
pub(crate) fn check_picture(path: &Path) -> Result<(), Error> {
    let known =
        path.extension().is_some_and(|found| ["png", "jpg", "jpeg"].iter().any(|e| found.eq_ignore_ascii_case(e)));
    if known {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} does not say in which format the picture is to be written; hint: end its name in .png or .jpg",
        path.display()
    )))
}

/// The folder that a file lies in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn writable(path: &Path) -> Result<(), Error> {
    let refuse = |source: IoError| Err(Error::Write { path: path.to_path_buf(), source });
    let folder = folder(path);
    if path.is_dir() {
        return refuse(IoError::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    match std::fs::metadata(folder) {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => refuse(IoError::new(ErrorKind::NotADirectory, format!("{} is no folder", folder.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refuse(IoError::new(ErrorKind::NotFound, format!("there is no folder {}", folder.display())))
        }
        Err(error) => refuse(error),
    }
}

/// Whether two names stand for one file. A file that is not there yet is known by its folder and name.
fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| -> Option<PathBuf> {
        let there = path.canonicalize().ok();
        there.or_else(|| Some(folder(path).canonicalize().ok()?.join(path.file_name()?)))
    };
    whole(a).zip(whole(b)).is_some_and(|(a, b)| a == b)
}
