//! Pooling kernels and their gradients.
