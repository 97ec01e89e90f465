//! The command line as its users, and those who mean it ill, meet it: the real binary in temporary folders.

mod bad_input;
mod determinism;
mod harness;
mod networks;
