//! A gallery, used rightly and wrongly: in a file, and on a server where there is one.

mod both;
mod file;
mod killed;
mod place;
mod server;
#[cfg(unix)]
mod tls;
