//! Submits a handler's command to the writer and renders the outcome.

use axum::response::Response;

use super::auth::Caller;
use super::problem::Failure;
use super::render;
use crate::domain::command::{Command, Repeatable};
use crate::web::App;

/// Submits a command and answers with its outcome. The revision of an interaction or contact is the
/// `ETag`.
///
/// # Errors
/// When the writer refuses the command, or the store fails.
pub async fn submit(
    app: &App,
    caller: &Caller,
    command: Command,
    repeatable: Option<Repeatable>,
) -> Result<Response, Failure> {
    let submission = caller.submission(command, repeatable);
    let outcome = app.writer.submit(submission).await?;
    Ok(render::send(&outcome))
}
