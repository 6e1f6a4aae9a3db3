//! The binary: reads the command line, runs the command, and reports errors.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = annals::cli::Cli::parse();
    match annals::cli::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("annals: {error}");
            ExitCode::FAILURE
        }
    }
}
