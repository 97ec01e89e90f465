//! Scratch memory that a thread keeps from one kernel to the next: fresh pages cost more than what is written to them.

use std::cell::Cell;

thread_local! {
    static KEPT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with `len` elements of stale contents.
///
/// The buffer is taken away for the call: a task that the thread picks up meanwhile finds none and makes its own.
pub(crate) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = KEPT.take();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = f(&mut buffer[..len]);
    KEPT.set(buffer);
    result
}
