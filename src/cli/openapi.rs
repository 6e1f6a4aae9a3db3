//! `annals openapi`

use std::process::ExitCode;

use super::Failed;

/// Writes the document that the handlers declare.
pub(super) fn run() -> Result<ExitCode, Failed> {
    let document = crate::api::document()
        .to_pretty_json()
        .map_err(|error| Failed(error.to_string()))?;
    println!("{document}");
    Ok(ExitCode::SUCCESS)
}
