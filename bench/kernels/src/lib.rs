//! Benches only: `cargo bench -p eyebar-bench --bench kernels`, `cargo bench -p eyebar-bench --bench layers`.
