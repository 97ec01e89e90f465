//! A pointer that several threads write through, each to elements of its own.

/// A mutable slice shared by tasks that write disjoint elements.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is only followed in `slice`, whose callers promise that no two tasks touch the same elements.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn pointer(&self) -> *mut f32 {
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
    pub(crate) unsafe fn slice(&self, from: usize, len: usize) -> &'a mut [f32] {
        assert!(from <= self.len && len <= self.len - from, "slice {from}+{len} of {}", self.len);
        // SAFETY: in bounds (checked above), and not aliased (the caller promises).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
