//! `eyebar`: see what a CNN sees in a face, and measure what a mask really hides.
#![forbid(unsafe_code)]

mod commands;
mod gallery;
mod options;
mod output;
mod paths;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use eyebar::Error;

/// See what a CNN sees in a face, and measure what a mask really hides.
#[derive(Debug, Parser)]
#[command(name = "eyebar", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: options::Global,
    #[command(subcommand)]
    command: commands::Command,
}

const EXAMPLES: &str = "\
Examples:
  eyebar demo                                        the whole workshop, into workshop/
  eyebar predict cat.jpg                             what the bundled classifier sees
  eyebar cam cat.jpg --target top                    where it looks
  eyebar cam me.jpg --model sface --target similarity:me-too.jpg
  eyebar mask me.jpg --mask eye-bar --out masked.png
  eyebar filters --model vgg16 --layer block5_conv3 --filters 0..8 --prior fourier
  eyebar enrol 'Ada Lovelace' ada.jpg                recognise a person from one photo …
  eyebar identify door.jpg                           … or refuse

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no face found.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::warn(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Error> {
    eyebar::check_instruction_set()?;
    if let Some(threads) = cli.global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| Error::Usage(format!("cannot start {threads} threads: {error}; hint: ask for fewer")))?;
    }
    cli.command.run(&cli.global)
}
