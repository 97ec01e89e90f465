//! A pointer that several threads write through, each to elements of its own.

/// A mutable slice shared by tasks that write disjoint elements.
pub(crate) struct SharedMut<'a, T = f32> {
    start: *mut T,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [T]>,
}

impl<T> Clone for SharedMut<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedMut<'_, T> {}

// SAFETY: the pointer is only followed in `slice`, whose callers promise that no two tasks touch the same elements.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn pointer(&self) -> *mut T {
        self.start
    }

    /// The rest of the slice, from element `from` on.
    pub(crate) fn starting_at(&self, from: usize) -> Self {
        assert!(from <= self.len, "element {from} of {}", self.len);
        // SAFETY: within the slice, or one past its end.
        Self { start: unsafe { self.start.add(from) }, len: self.len - from, ..*self }
    }

    /// The elements from `from` on, `len` of them.
    ///
    /// # Safety
    /// No other task may read or write these elements as long as the slice lives.
    pub(crate) unsafe fn slice(&self, from: usize, len: usize) -> &'a mut [T] {
        assert!(from <= self.len && len <= self.len - from, "slice {from}+{len} of {}", self.len);
        // SAFETY: in bounds (checked above), and not aliased (the caller promises).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
