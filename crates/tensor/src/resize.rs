//! Resampling kernels and their gradients.
