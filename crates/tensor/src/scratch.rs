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

/// A number that any bits are a value of, at most as large as an f32 and aligned no more.
pub(crate) trait Bits: Copy {}
impl Bits for u8 {}
impl Bits for i16 {}

/// As [`with_scratch`], with elements of another type.
pub(crate) fn with_scratch_of<T: Bits, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    with_scratch((len * size_of::<T>()).div_ceil(size_of::<f32>()), |scratch| {
        // SAFETY: any bits are a `T`, and any bits are an f32 again.
        let (before, elements, _) = unsafe { scratch.align_to_mut::<T>() };
        debug_assert!(before.is_empty(), "an f32 is aligned as no `T` is more");
        f(&mut elements[..len])
    })
}
