//! Times Eyebar's work, for comparisons with peers.

mod kernels;

fn main() {
    kernels::run();
}
