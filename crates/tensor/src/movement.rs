//! Kernels that move elements: permute, slice, pad, concatenate, gather.
