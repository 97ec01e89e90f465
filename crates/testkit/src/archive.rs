//! Reading of reference values: safetensors files written by the scripts in `fixtures/reference`.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

/// Why a reference file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is missing or cannot be read.
    #[error("{path}: {source}; hint: run the tests from a complete checkout")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what the scripts write.
    #[error("{path}: {reason}; hint: make the reference values again (fixtures/reference/README.md)")]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Elements of an [`Array`], in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 8-bit signed integers.
    I8(Vec<i8>),
    /// 8-bit unsigned integers.
    U8(Vec<u8>),
    /// Truth values.
    Bool(Vec<bool>),
}

/// An array of a reference file.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// Elements in row-major order.
    pub elements: Elements,
}

impl Array {
    /// The elements, if they are f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.elements {
            Elements::F32(values) => Some(values),
            _ => None,
        }
    }

    /// The elements, if they are bytes.
    pub fn as_u8(&self) -> Option<&[u8]> {
        match &self.elements {
            Elements::U8(values) => Some(values),
            _ => None,
        }
    }
}

/// The arrays of a safetensors file by name.
#[derive(Debug, Clone)]
pub struct Archive {
    arrays: BTreeMap<String, Array>,
}

impl Archive {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds an element type that no reference uses.
    pub fn read(path: &Path) -> Result<Self, ArchiveError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| ArchiveError::Io { path: name.clone(), source })?;
        let refuse = |reason: String| ArchiveError::Format { path: name.clone(), reason };
        let file = SafeTensors::deserialize(&bytes).map_err(|error| refuse(error.to_string()))?;
        let mut arrays = BTreeMap::new();
        for (key, view) in file.tensors() {
            let elements = elements(view.dtype(), view.data())
                .ok_or_else(|| refuse(format!("{key}: element type {:?} is not expected", view.dtype())))?;
            arrays.insert(key, Array { shape: view.shape().to_vec(), elements });
        }
        Ok(Self { arrays })
    }

    /// An array, if it is there.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The parts of the names before the first slash: the cases of a file. Sorted.
    pub fn cases(&self) -> Vec<&str> {
        let mut cases: Vec<_> = self.names().filter_map(|name| name.split_once('/')).map(|(case, _)| case).collect();
        cases.dedup();
        cases
    }

    /// The arrays `prefix/0`, `prefix/1`, … as far as they go without a gap.
    pub fn numbered(&self, prefix: &str) -> Vec<&Array> {
        (0..).map_while(|index| self.get(&format!("{prefix}/{index}"))).collect()
    }
}

fn elements(dtype: Dtype, data: &[u8]) -> Option<Elements> {
    Some(match dtype {
        Dtype::F32 => Elements::F32(convert(data, f32::from_le_bytes)),
        Dtype::I64 => Elements::I64(convert(data, i64::from_le_bytes)),
        Dtype::I32 => Elements::I32(convert(data, i32::from_le_bytes)),
        Dtype::I8 => Elements::I8(convert(data, i8::from_le_bytes)),
        Dtype::U8 => Elements::U8(data.to_vec()),
        Dtype::BOOL => Elements::Bool(data.iter().map(|&byte| byte != 0).collect()),
        _ => return None,
    })
}

fn convert<T, const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}
