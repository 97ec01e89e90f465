//! Element-wise kernels: unary maps and broadcast binary maps.
