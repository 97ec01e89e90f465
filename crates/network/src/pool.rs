//! Buffers of activations, used again as soon as their last reader has run.

use std::sync::Mutex;

use eyebar_tensor::Tensor;

use crate::value::Value;

/// Elements that a pool holds at most (1 GiB): a network whose activations are all of different sizes must not keep them
/// all.
const MAX_HELD: usize = 1 << 28;

/// A set of free f32 buffers. A run takes what it needs and gives it back; the next run finds it here.
#[derive(Debug, Default)]
pub struct Pool {
    free: Mutex<Vec<Vec<f32>>>,
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
            let held: usize = free.iter().map(Vec::capacity).sum();
            if held.saturating_add(buffer.capacity()) <= MAX_HELD {
                free.push(buffer);
            }
        }
    }

    /// Bytes held by free buffers.
    pub fn bytes(&self) -> usize {
        let free = self.free.lock().expect("no panic while the lock is held");
        free.iter().map(|buffer| buffer.capacity() * size_of::<f32>()).sum()
    }

    /// The smallest free buffer that holds `len` and does not waste more than half of itself.
    fn best_fit(&self, len: usize) -> Vec<f32> {
        let mut free = self.free.lock().expect("no panic while the lock is held");
        let fitting = free.iter().enumerate().filter(|(_, buffer)| (len..=2 * len + 64).contains(&buffer.capacity()));
        match fitting.min_by_key(|(_, buffer)| buffer.capacity()) {
            Some((index, _)) => free.swap_remove(index),
            None => Vec::with_capacity(len),
        }
    }
}
