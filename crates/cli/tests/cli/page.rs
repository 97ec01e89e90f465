//! The workbench in a browser: `tests/page/workbench.mjs` does what a user does.

use std::path::Path;
use std::process::Command;

use eyebar_testkit::fixtures;

use crate::harness::Folder;
use crate::http::Server;

#[test]
fn the_workbench_in_a_browser() {
    if std::env::var_os("EYEBAR_ISA").is_some() {
        eprintln!("skipped: the page is the same with every instruction set");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/browser");
    let is_there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
    if !(is_there("node") && is_there("chromium") && browser.join("node_modules/playwright-core").is_dir()) {
        eprintln!("skipped: no browser; hint: `cargo xtask browser` installs one for this test");
        return;
    }
    let folder = Folder::new();
    let server = Server::start(&folder, &["--gallery", "people.db"]);
    let url = format!("http://{}", server.address);
    let mut node = Command::new("node");
    node.arg(tests.join("workbench.mjs")).arg(url).arg(browser).arg(fixtures().join("photos")).arg("chromium");
    let output = node.output().expect("node starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&said), server.log());
}
