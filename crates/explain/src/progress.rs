//! Progress and cancellation of long work.

use std::ops::ControlFlow;

use crate::error::ExplainError;

/// Called with the steps done and the steps in all, first with zero done; answers whether to go on.
pub type Progress<'a> = &'a dyn Fn(usize, usize) -> ControlFlow<()>;

/// A [`Progress`] that never cancels.
pub fn unwatched(_done: usize, _total: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Reports, and turns a wish to stop into an error.
pub(crate) fn report(progress: Progress<'_>, done: usize, total: usize) -> Result<(), ExplainError> {
    match progress(done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ExplainError::Cancelled),
    }
}
