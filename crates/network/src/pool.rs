//! Buffers of activations, used again as soon as their last reader has run.

use std::collections::BTreeMap;
use std::sync::Mutex;

use eyebar_tensor::Tensor;

use crate::value::Value;

/// Elements that a pool holds at most (1 GiB): a network whose activations are all of different sizes must not keep them
/// all.
const MAX_HELD: usize = 1 << 28;

/// A set of free f32 buffers. A run takes what it needs and gives it back; the next run finds it here.
#[derive(Debug, Default)]
pub struct Pool {
    free: Mutex<Free>,
}

/// Free buffers by capacity.
#[derive(Debug, Default)]
struct Free {
    buffers: BTreeMap<usize, Vec<Vec<f32>>>,
    /// Sum of the capacities.
    held: usize,
}

impl Pool {
    /// A tensor of `shape` with stale contents: the caller writes every element.
    pub fn take(&self, shape: &[usize]) -> Tensor {
        let len = shape.iter().product();
        let mut data = self.best_fit(len);
        data.resize(len, 0.0);
        Tensor::new(shape, data).expect("types were checked when the graph was specialised")
    }

    /// Gives a buffer back. What is too much to keep is freed.
    pub fn give(&self, value: Value) {
        if let Value::F32(tensor) = value {
            let buffer = tensor.into_data();
            let mut free = self.free.lock().expect("no panic while the lock is held");
            let held = free.held.saturating_add(buffer.capacity());
            if held <= MAX_HELD {
                free.held = held;
                free.buffers.entry(buffer.capacity()).or_default().push(buffer);
            }
        }
    }

    /// Bytes held by free buffers.
    pub fn bytes(&self) -> usize {
        self.free.lock().expect("no panic while the lock is held").held * size_of::<f32>()
    }

    /// The smallest free buffer that holds `len` and does not waste more than half of itself.
    fn best_fit(&self, len: usize) -> Vec<f32> {
        let mut free = self.free.lock().expect("no panic while the lock is held");
        let found = free.buffers.range_mut(len..=2 * len + 64).next().map(|(&capacity, same)| (capacity, same.pop()));
        let Some((capacity, Some(buffer))) = found else { return Vec::with_capacity(len) };
        free.held -= capacity;
        if free.buffers.get(&capacity).is_some_and(Vec::is_empty) {
            free.buffers.remove(&capacity);
        }
        buffer
    }
}
