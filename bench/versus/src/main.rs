//! Times Eyebar's work, for comparisons with peers.
//!
//! `eyebar-versus layers WORK …` times every step of a run, `eyebar-versus accuracy` shows the rounding of convolutions,
//! `eyebar-versus hits FOLDER` the rows that searches find.
//! `eyebar-versus WORK …` prepares a work, then does it once for every line of standard input and answers with the seconds
//! it took; `compare.py` talks to it.

mod accuracy;
mod layers;
mod search;
mod work;

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["accuracy"] => {
            accuracy::run();
            return Ok(());
        }
        ["layers", ref work @ ..] => return layers::run(work),
        ["hits", folder] => return search::Search::new(folder)?.print(),
        _ => {}
    }
    let mut run = work::prepare(&arguments)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for _ in std::io::stdin().lock().lines() {
        let start = Instant::now();
        run()?;
        writeln!(out, "{}", start.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}
