//! The command line as its users, and those who mean it ill, meet it: the real binary in temporary folders.

mod audit;
mod bad_arrays;
mod bad_models;
mod bad_pictures;
mod bad_shapes;
mod commands;
mod demo;
mod determinism;
mod export;
mod gallery;
mod gallery_on_a_server;
mod harness;
mod help;
mod http;
mod machine;
mod models;
mod networks;
mod odd_pictures;
mod oneshot;
mod onnx;
mod outputs;
mod page;
mod server;
mod server_bad_input;
mod usage;
