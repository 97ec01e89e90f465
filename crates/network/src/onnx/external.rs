//! Data of tensors that lies in other files.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::proto::TensorProto;

/// Largest number of bytes of external data of one model: a file of holes is large and costs nothing, and many tensors may
/// name the same bytes.
const MAX_BYTES: usize = 1 << 32;

/// The files beside a model, and how much may still be read of them.
pub(crate) struct ExternalData<'a> {
    /// The model's folder, where it was read from a file.
    folder: Option<&'a Path>,
    room: usize,
}

impl<'a> ExternalData<'a> {
    /// The files in `folder`; none without one.
    pub(crate) fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, room: MAX_BYTES }
    }

    /// No files.
    pub(crate) fn none() -> Self {
        Self::new(None)
    }

    /// Reads the data of a tensor of `expected` bytes. Every size is checked before anything is allocated; only regular
    /// files in or below the model's folder are opened, symbolic links followed.
    pub(crate) fn read(&mut self, proto: &TensorProto, expected: usize) -> Result<Bytes, String> {
        let entry = |key: &str| {
            let found = proto.external_data.iter().find(|entry| entry.key.as_deref() == Some(key));
            found.and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| {
            let parse = |value: &str| value.parse().map_err(|_| format!("external {key} {value:?} is not a number"));
            entry(key).map(parse).transpose()
        };
        let (offset, length): (u64, Option<u64>) = (number("offset")?.unwrap_or(0), number("length")?);
        let path = self.locate(entry("location").ok_or("external data without a location")?)?;
        let refuse = |reason: String| format!("external data {}: {reason}", path.display());
        let explain = |error: std::io::Error| refuse(error.to_string());
        // Before it is opened: opening a pipe would wait for a writer.
        let regular = |about: std::fs::Metadata| {
            if about.is_file() { Ok(about.len()) } else { Err(refuse("it is no regular file".to_owned())) }
        };
        regular(std::fs::metadata(&path).map_err(explain)?)?;
        let mut file = File::open(&path).map_err(explain)?;
        let size = regular(file.metadata().map_err(explain)?)?;
        let length = length.unwrap_or(size.saturating_sub(offset));
        if length != expected as u64 {
            return Err(refuse(format!("{length} bytes at offset {offset}, but the tensor has {expected}")));
        }
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(refuse(format!("the file has {size} bytes, too few for {length} at offset {offset}")));
        }
        self.room = self.room.checked_sub(expected).ok_or_else(|| {
            refuse(format!("the external data of the model is more than {} GiB in all", MAX_BYTES >> 30))
        })?;
        file.seek(SeekFrom::Start(offset)).map_err(explain)?;
        let mut data = vec![0; expected];
        file.read_exact(&mut data).map_err(explain)?;
        Ok(data.into())
    }

    /// The file that a model calls `location`.
    fn locate(&self, location: &str) -> Result<PathBuf, String> {
        let folder = self.folder.ok_or("external data needs the model to be read from a file")?;
        let outside = || format!("external data {location:?} lies outside the model's folder");
        let relative = Path::new(location);
        if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let explain = |path: &Path, error: std::io::Error| format!("external data {}: {error}", path.display());
        let folder = folder.canonicalize().map_err(|error| explain(folder, error))?;
        let path = folder.join(relative);
        let path = path.canonicalize().map_err(|error| explain(&path, error))?;
        if path.starts_with(&folder) { Ok(path) } else { Err(outside()) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{ExternalData, TensorProto};
    use crate::onnx::proto::StringStringEntryProto;

    /// A folder of its own for each test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("eyebar-external-{}-{test}", std::process::id()));
            std::fs::create_dir_all(path.join("model")).unwrap();
            Self(path)
        }

        fn model(&self) -> PathBuf {
            self.0.join("model")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn proto(entries: &[(&str, &str)]) -> TensorProto {
        let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        TensorProto { external_data: entries.iter().map(entry).collect(), ..TensorProto::default() }
    }

    fn read(folder: &Path, entries: &[(&str, &str)], expected: usize) -> Result<Vec<u8>, String> {
        ExternalData::new(Some(folder)).read(&proto(entries), expected).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn data_is_read_from_its_place() {
        let folder = Folder::new("place");
        std::fs::write(folder.model().join("data"), [1, 2, 3, 4, 5]).unwrap();
        let file = ("location", "data");
        assert_eq!(read(&folder.model(), &[file, ("offset", "1"), ("length", "3")], 3).unwrap(), [2, 3, 4]);
        assert_eq!(read(&folder.model(), &[file, ("offset", "3")], 2).unwrap(), [4, 5]);
        for (entries, expected) in [
            (&[file, ("offset", "1"), ("length", "3")][..], 4),
            (&[file, ("offset", "3"), ("length", "3")], 3),
            (&[file, ("offset", "18446744073709551615"), ("length", "2")], 2),
            (&[file, ("offset", "9")], 1),
            (&[file, ("length", "-1")], 1),
            (&[("location", "other")], 1),
            (&[], 1),
        ] {
            assert!(read(&folder.model(), entries, expected).is_err(), "{entries:?}");
        }
    }

    /// A file of holes takes no space: its size must not decide how much memory is asked for.
    #[test]
    fn sizes_are_compared_before_anything_is_allocated() {
        let folder = Folder::new("holes");
        let file = std::fs::File::create(folder.model().join("data")).unwrap();
        file.set_len(1 << 42).unwrap();
        let error = read(&folder.model(), &[("location", "data")], 16).unwrap_err();
        assert!(error.contains("but the tensor has 16"), "{error}");
        let error = read(&folder.model(), &[("location", "data"), ("length", "4398046511104")], 1 << 42).unwrap_err();
        assert!(error.contains("in all"), "{error}");
        let mut data = ExternalData { folder: Some(&folder.model()), room: 20 };
        let sixteen = proto(&[("location", "data"), ("length", "16")]);
        assert!(data.read(&sixteen, 16).is_ok());
        assert!(data.read(&sixteen, 16).unwrap_err().contains("in all"), "the same bytes again are more memory");
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_leave_the_folder() {
        let folder = Folder::new("links");
        std::fs::write(folder.0.join("secret"), [7; 4]).unwrap();
        std::fs::write(folder.model().join("data"), [1; 4]).unwrap();
        let link = |to: PathBuf, name: &str| std::os::unix::fs::symlink(to, folder.model().join(name)).unwrap();
        link(folder.0.join("secret"), "outside");
        link(folder.0.clone(), "above");
        link(folder.model().join("data"), "inside");
        assert_eq!(read(&folder.model(), &[("location", "inside")], 4).unwrap(), [1; 4]);
        for location in ["outside", "above/secret", "../secret", "/etc/hostname"] {
            let error = read(&folder.model(), &[("location", location)], 4).unwrap_err();
            assert!(error.contains("outside the model's folder"), "{error}");
        }
    }

    /// Without the check the pipe would be waited for without end.
    #[cfg(unix)]
    #[test]
    fn pipes_and_folders_are_not_opened() {
        let folder = Folder::new("pipes");
        let pipe = folder.model().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        std::fs::create_dir(folder.model().join("folder")).unwrap();
        for location in ["pipe", "folder", "."] {
            let error = read(&folder.model(), &[("location", location), ("length", "4")], 4).unwrap_err();
            assert!(error.contains("no regular file"), "{error}");
        }
    }
}
