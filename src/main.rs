//! The binary: reads the command line, hands over, and says what went wrong.

use std::process::ExitCode;

use clap::Parser;

/// Rows are made on the thread of a connection and freed on the thread that answers: the system's allocator makes the two wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
