//! A file as a source of protobuf: read piece by piece, so that its bytes and the tensors made of them are never both in
//! memory as a whole.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use bytes::{Buf, Bytes};

use crate::error::NetworkError;

/// Largest file that is read: protobuf itself ends at 2 GiB.
const MAX_FILE_BYTES: u64 = 1 << 31;

/// Bytes read at a time, apart from the data of tensors, which is read at once.
const PIECE: usize = 1 << 16;

/// The bytes of a file in order. Each is shown to `watch` as it is read.
///
/// [`Buf`] cannot fail, so after the first error of the system zeros are delivered; [`FileStream::finish`] tells.
pub(super) struct FileStream<'a> {
    file: File,
    piece: Vec<u8>,
    /// How much of `piece` has been consumed.
    at: usize,
    /// Bytes of the file behind `piece`.
    behind: usize,
    watch: &'a mut dyn FnMut(&[u8]),
    failed: Option<io::Error>,
}

impl<'a> FileStream<'a> {
    /// Opens a model file, which must be a regular file of at most 2 GiB.
    pub(super) fn open(path: &Path, watch: &'a mut dyn FnMut(&[u8])) -> Result<Self, NetworkError> {
        let io = |source| NetworkError::Io { path: path.display().to_string(), source };
        // Before it is opened: opening a pipe would wait for a writer.
        size(&std::fs::metadata(path).map_err(io)?, io)?;
        let file = File::open(path).map_err(io)?;
        let behind = size(&file.metadata().map_err(io)?, io)?;
        let mut stream = Self { file, piece: Vec::new(), at: 0, behind, watch, failed: None };
        stream.refill();
        Ok(stream)
    }

    /// Bytes of the whole file that have not been consumed yet.
    pub(super) fn len(&self) -> usize {
        self.piece.len() - self.at + self.behind
    }

    /// The error that reading met, if it met one.
    pub(super) fn finish(self, path: &Path) -> Result<(), NetworkError> {
        match self.failed {
            Some(source) => Err(NetworkError::Io { path: path.display().to_string(), source }),
            None => Ok(()),
        }
    }

    fn refill(&mut self) {
        let size = PIECE.min(self.behind);
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(size, 0);
        self.fetch(&mut piece);
        (self.piece, self.at) = (piece, 0);
    }

    /// Fills `to` with the next bytes behind the piece.
    fn fetch(&mut self, to: &mut [u8]) {
        self.behind -= to.len();
        if self.failed.is_none() {
            self.failed = self.file.read_exact(to).err();
        }
        if self.failed.is_some() {
            to.fill(0);
        }
        (self.watch)(to);
    }
}

impl Buf for FileStream<'_> {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.piece[self.at..]
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len(), "beyond the end of the file");
        while count >= self.piece.len() - self.at && self.behind > 0 {
            count -= self.piece.len() - self.at;
            self.refill();
        }
        self.at += count;
    }

    /// The data of a tensor: read into its own place.
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        assert!(count <= self.len(), "beyond the end of the file");
        let here = count.min(self.chunk().len());
        let mut data = vec![0; count];
        data[..here].copy_from_slice(&self.chunk()[..here]);
        if count > here {
            self.fetch(&mut data[here..]);
        }
        self.advance(here);
        data.into()
    }
}

fn size(about: &Metadata, io: impl Fn(io::Error) -> NetworkError) -> Result<usize, NetworkError> {
    if about.is_dir() {
        return Err(io(io::ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Err(NetworkError::NotOnnx("it is no regular file".to_owned()));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(NetworkError::NotOnnx(format!("{} bytes are more than protobuf allows", about.len())));
    }
    Ok(about.len() as usize)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use bytes::Buf;

    use super::{FileStream, PIECE};

    fn with_stream<T>(bytes: &[u8], work: impl FnOnce(&mut FileStream<'_>) -> T) -> (T, Vec<u8>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut seen = Vec::new();
        let mut watch = |piece: &[u8]| seen.extend_from_slice(piece);
        let mut stream = FileStream::open(file.path(), &mut watch).unwrap();
        let result = work(&mut stream);
        stream.finish(file.path()).unwrap();
        (result, seen)
    }

    /// Consumed in steps that end before, at and behind the ends of pieces, by every way of consuming.
    #[test]
    fn a_stream_delivers_the_file() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17] {
            let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            for step in [1, 7, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 3, 4 * PIECE] {
                let (delivered, seen) = with_stream(&bytes, |stream| {
                    let mut delivered = Vec::new();
                    while stream.has_remaining() {
                        assert_eq!(stream.remaining(), length - delivered.len());
                        assert_eq!(stream.chunk()[0], bytes[delivered.len()], "a chunk starts at the place reached");
                        let count = step.min(stream.remaining());
                        if delivered.len() % 2 == 0 {
                            delivered.extend_from_slice(&stream.copy_to_bytes(count));
                        } else {
                            let here = delivered.len();
                            delivered.extend_from_slice(&bytes[here..here + count]);
                            stream.advance(count);
                        }
                    }
                    delivered
                });
                assert!(delivered == bytes && seen == bytes, "{length} bytes in steps of {step}");
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 * PIECE as u64).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut watch = |_: &[u8]| {};
        let mut stream = FileStream::open(file.path(), &mut watch).unwrap();
        file.as_file().set_len(PIECE as u64).unwrap();
        stream.advance(4 * PIECE);
        assert!(stream.finish(file.path()).is_err());
    }
}
