//! `POST /v1/interactions/batch`: NDJSON in, NDJSON out, without a limit on the number of lines.
//!
//! Lines go to the writer as they arrive and wait there for room, so memory does not grow with the
//! body. Replies are sent in the order of the lines. Replies that the client has not read yet spill
//! to a temporary file, so a client that reads only after it has sent everything does not block.

use std::collections::VecDeque;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::params::Params;
use super::problem::{Failure, Problem};
use super::{body, render, spill};
use crate::domain::Refusal;
use crate::domain::command::{Command, Outcome};
use crate::domain::interaction::NewInteraction;
use crate::domain::user_data;
use crate::json;
use crate::store::StoreError;
use crate::store::writer::Answer;
use crate::web::{App, mark_stream};

/// The number of lines that may be in flight in the writer.
const UNDER_WAY: usize = 2000;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(batch))
}

/// Records many interactions: one JSON object a line.
///
/// Answers with one line for each, in order: `{"line": 1, "status": 201, "id": "…"}` or
/// `{"line": 2, "status": 422, "problem": {…}}`. A bad line does not affect the others. A server
/// that is shutting down answers the lines it has accepted, and answers 503 for the first line that
/// it has not. With `reply=errors` only the refused lines and a closing summary are sent. With an
/// `Idempotency-Key` each line is repeatable.
#[utoipa::path(post, operation_id = "recordInteractionBatch", path = "/v1/interactions/batch", tag = "interactions",
    request_body(content = String, content_type = "application/x-ndjson", description = "One interaction a line, at most 1 MiB each"),
    params(("reply" = Option<String>, Query, description = "`all` or `errors`"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, content_type = "application/x-ndjson", body = String), (status = 403, body = Problem)))]
async fn batch(
    State(app): State<App>,
    caller: Caller,
    mut params: Params,
    request: Request,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let only_errors = match params.take("reply").as_deref() {
        None | Some("all") => false,
        Some("errors") => true,
        Some(_) => return Err(Refusal::invalid("?reply", "is neither all nor errors").into()),
    };
    params.finish()?;
    body::want_json(request.headers())?;
    let repeat = body::Repeat::of(request.uri().path(), request.headers())?;
    let (sender, stream) = spill::pipe();
    let (lines, under_way) = mpsc::channel(UNDER_WAY);
    let reader = Reader {
        app: app.clone(),
        caller,
        repeat,
        lines,
        number: 0,
    };
    app.tasks
        .spawn(reader.run(request.into_body().into_data_stream()));
    app.tasks.spawn(answer(under_way, sender, only_errors));
    let kind = HeaderValue::from_static("application/x-ndjson");
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from_stream(stream)).into_response();
    mark_stream(&mut response);
    Ok(response)
}

/// A line whose answer is pending.
struct Line {
    number: u64,
    answer: Result<Answer, StoreError>,
}

/// Reads lines and hands them to the writer.
struct Reader {
    app: App,
    caller: Caller,
    repeat: Option<body::Repeat>,
    lines: mpsc::Sender<Line>,
    number: u64,
}

impl Reader {
    async fn run(mut self, mut stream: BodyDataStream) {
        let most = self.app.config.limits.line;
        let mut rest: Vec<u8> = Vec::new();
        let mut too_long = false;
        loop {
            let part = tokio::select! {
                part = stream.next() => part,
                () = self.app.stopping.cancelled() => {
                    // the body may already have ended
                    let ended = matches!(stream.next().now_or_never(), Some(None));
                    if !ended || too_long || !rest.is_empty() {
                        self.end_with(StoreError::Closed).await;
                    }
                    return;
                }
            };
            let part = match part {
                None => break,
                Some(Ok(part)) => part,
                Some(Err(error)) => {
                    // the bytes after the last line end may be half a line
                    self.end_with(crate::web::body::refusal(&error).into())
                        .await;
                    return;
                }
            };
            let mut left: &[u8] = &part;
            while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
                let (head, tail) = (&left[..end], &left[end + 1..]);
                left = tail;
                let long = too_long || rest.len() + head.len() > most;
                let line: &[u8] = if rest.is_empty() || long {
                    head
                } else {
                    rest.extend_from_slice(head);
                    &rest
                };
                let line = line.to_vec();
                rest.clear();
                too_long = false;
                if !self.take(&line, long).await {
                    return;
                }
            }
            if too_long || rest.len() + left.len() > most {
                too_long = true;
                rest.clear();
            } else {
                rest.extend_from_slice(left);
            }
        }
        if too_long || !rest.is_empty() {
            self.take(&rest, too_long).await;
        }
    }

    /// Sends an error for the first line that is not accepted, so that the reply does not look
    /// complete.
    async fn end_with(&mut self, error: StoreError) {
        self.number += 1;
        let line = Line {
            number: self.number,
            answer: Err(error),
        };
        let _ = self.lines.send(line).await;
    }

    /// Submits one line. Returns false once the client no longer reads the answers.
    async fn take(&mut self, line: &[u8], too_long: bool) -> bool {
        self.number += 1;
        if !too_long && json::without_mark(line).trim_ascii().is_empty() {
            return true;
        }
        let answer = if too_long {
            let most = self.app.config.limits.line;
            Err(Refusal::TooLarge(format!("the line is longer than {most} bytes")).into())
        } else {
            self.enqueue(line).await
        };
        self.lines
            .send(Line {
                number: self.number,
                answer,
            })
            .await
            .is_ok()
    }

    async fn enqueue(&self, line: &[u8]) -> Result<Answer, StoreError> {
        let (new, repeatable): (NewInteraction, _) = match &self.repeat {
            None => (json::read(line)?, None),
            Some(repeat) => {
                let (new, fingerprint) = json::read_with_fingerprint(line)?;
                (new, Some(repeat.part(self.number, fingerprint)))
            }
        };
        let submission = self
            .caller
            .submission(Command::Record(Box::new(new)), repeatable);
        self.app.writer.enqueue_waiting(submission).await
    }
}

/// The counts of a batch.
#[derive(Default)]
struct Summary {
    lines: u64,
    recorded: u64,
    unchanged: u64,
    refused: u64,
}

/// Waits for answers in order and writes them.
async fn answer(mut under_way: mpsc::Receiver<Line>, sender: spill::Sender, only_errors: bool) {
    let mut summary = Summary::default();
    let mut ready: VecDeque<Line> = VecDeque::new();
    loop {
        if ready.is_empty() {
            match under_way.recv().await {
                Some(line) => ready.push_back(line),
                None => break,
            }
            while let Ok(line) = under_way.try_recv() {
                ready.push_back(line);
            }
        }
        let mut out = Vec::new();
        while let Some(line) = ready.pop_front() {
            let number = line.number;
            let outcome = match line.answer {
                Ok(answer) => answer.wait().await,
                Err(error) => Err(error),
            };
            write(&mut out, number, outcome, only_errors, &mut summary);
            if out.len() > 16 * 1024 {
                break;
            }
        }
        if !out.is_empty() {
            // the lines are carried out even if the client does not read the replies
            if let Err(error) = sender.send(out) {
                tracing::error!(%error, "the answers of a batch could not be stored; its connection is closed");
                return;
            }
        }
    }
    if only_errors {
        let Summary {
            lines,
            recorded,
            unchanged,
            refused,
        } = summary;
        let line = format!(
            "{{\"summary\":{{\"lines\":{lines},\"recorded\":{recorded},\"unchanged\":{unchanged},\"refused\":{refused}}}}}\n"
        );
        let _ = sender.send(line.into_bytes());
    }
}

fn write(
    out: &mut Vec<u8>,
    number: u64,
    outcome: Result<Outcome, StoreError>,
    only_errors: bool,
    summary: &mut Summary,
) {
    summary.lines += 1;
    let line = match outcome {
        Ok(outcome) => {
            let (status, id) = match &outcome {
                Outcome::Recorded {
                    stored, created, ..
                } => (
                    if *created { 201 } else { 200 },
                    Some(stored.interaction.id.clone()),
                ),
                Outcome::Replayed(reply) => {
                    let body = user_data::read(&reply.body).unwrap_or_default();
                    let id = body.get("id").and_then(serde_json::Value::as_str);
                    (200, id.map(str::to_owned))
                }
                _ => (200, None),
            };
            if status == 201 {
                summary.recorded += 1;
            } else {
                summary.unchanged += 1;
            }
            if only_errors {
                return;
            }
            let mut line = format!(
                "{{\"line\":{number},\"status\":{status},\"id\":{}",
                render::text(&id)
            );
            if let Outcome::Recorded {
                dropped, copied, ..
            } = &outcome
            {
                if !dropped.is_empty() {
                    line += &format!(",\"droppedKeys\":{}", render::text(dropped));
                }
                if let Some(copied) = copied {
                    line += &format!(",\"copiedKeys\":{}", render::text(copied));
                }
            }
            line + "}"
        }
        Err(error) => {
            summary.refused += 1;
            let (problem, cause) = Problem::of_store(error);
            if let Some(cause) = cause {
                tracing::error!(cause = cause.0, "a line of a batch failed");
            }
            format!(
                "{{\"line\":{number},\"status\":{},\"problem\":{}}}",
                problem.status,
                render::text(&problem)
            )
        }
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}
