//! Search among many unit vectors, as the gallery does it: small integers in memory, the vectors themselves in a file.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use eyebar_gallery::search::{Hit, Index};
use eyebar_imaging::npy;

/// Hits of a query.
const TOP: usize = 5;

/// An index of the rows of `vectors.npy` in a folder, and the rows of `queries.npy`.
pub(crate) struct Search {
    index: Index,
    dimension: usize,
    file: File,
    /// Where the rows start in the file: behind the header.
    start: u64,
    queries: Vec<Vec<f32>>,
}

impl Search {
    pub(crate) fn new(folder: &str) -> Result<Self, Box<dyn Error>> {
        let path = Path::new(folder).join("vectors.npy");
        let vectors = npy::read(&path)?;
        let dimension = vectors.shape()[1];
        let mut index = Index::new(dimension);
        index.reserve(vectors.shape()[0]);
        vectors.data().chunks_exact(dimension).for_each(|row| index.push(row));
        let file = File::open(&path)?;
        let start = file.metadata()?.len() - size_of_val(vectors.data()) as u64;
        let queries = npy::read(&Path::new(folder).join("queries.npy"))?;
        let queries = queries.data().chunks_exact(dimension).map(<[f32]>::to_vec).collect();
        Ok(Self { index, dimension, file, start, queries })
    }

    /// Bytes of the index.
    pub(crate) fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// The hits of every query, one after the other.
    pub(crate) fn run(&self) -> Result<Vec<Vec<Hit>>, Box<dyn Error>> {
        let mut bytes = vec![0; 4 * self.dimension];
        let mut exact = |row: usize, values: &mut Vec<f32>| -> std::io::Result<()> {
            let place = self.start + (row * bytes.len()) as u64;
            self.file.read_exact_at(&mut bytes, place)?;
            values.extend(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            Ok(())
        };
        Ok(self.queries.iter().map(|query| self.index.top(query, TOP, &mut exact)).collect::<Result<_, _>>()?)
    }

    /// Prints the rows that each query finds, and the size of the index.
    pub(crate) fn print(&self) -> Result<(), Box<dyn Error>> {
        println!("{}", self.bytes());
        for hits in self.run()? {
            println!("{}", hits.iter().map(|hit| hit.row.to_string()).collect::<Vec<_>>().join(" "));
        }
        Ok(())
    }
}
