//! `annals sql`: a question to a running server.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, header};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Failed;
use super::healthcheck::reachable;
use crate::config::Config;
use crate::feed::webhook::client::tls;

/// Answers a question in SQL, such as `SELECT media_type, count(*) FROM interactions GROUP BY 1`.
///
/// The tables are interactions, `user_data`, links, `web_actions`, contacts and `contact_attributes`.
#[derive(Args)]
pub struct Question {
    /// One SELECT; `-` or nothing reads it from standard input
    sql: Option<String>,
    /// The server, if it is not the one in the settings: http://host:port
    #[arg(long)]
    url: Option<String>,
    /// An access token, where the server wants one
    #[arg(long, env = "ANNALS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The form of the answer; a table at a terminal, else CSV
    #[arg(long)]
    format: Option<Format>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

impl Question {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let sql = match self.sql.as_deref() {
            Some(sql) if sql != "-" => sql.to_owned(),
            _ => {
                let mut sql = String::new();
                std::io::stdin().read_to_string(&mut sql)?;
                sql
            }
        };
        let terminal = std::io::stdout().is_terminal();
        let format = self
            .format
            .unwrap_or(if terminal { Format::Table } else { Format::Csv });
        let server = self
            .url
            .unwrap_or_else(|| format!("http://{}", reachable(config.server.listen)));
        let server = server.trim_end_matches('/');
        let wanted = if format == Format::Csv { "csv" } else { "json" };
        let body = json!({"sql": sql, "format": wanted}).to_string();
        let answer = ask(server, self.token.as_deref(), body).await?;
        let mut out = std::io::stdout().lock();
        if format == Format::Table {
            let answer: Value = serde_json::from_slice(&answer).map_err(|error| {
                Failed(format!("{server} gave an answer that is no JSON: {error}"))
            })?;
            writeln!(out, "{}", table(&answer))?;
            if answer["complete"] == false {
                eprintln!("the answer is not complete: the columns do not have everything yet");
            }
        } else {
            out.write_all(&answer)?;
            if format == Format::Json {
                writeln!(out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn ask(server: &str, token: Option<&str>, body: String) -> Result<Bytes, Failed> {
    let tls = tls().map_err(|error| Failed(error.to_string()))?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("{server}/v1/sql"))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(Full::<Bytes>::from(body))
        .map_err(|error| Failed(format!("{server}: {error}")))?;
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let wrong = |error: &dyn std::error::Error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        Failed(format!(
            "{server} does not answer: {error}{}",
            cause.unwrap_or_default()
        ))
    };
    let answer = client
        .request(request)
        .await
        .map_err(|error| wrong(&error))?;
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|error| wrong(&error))?
        .to_bytes();
    if status.is_success() {
        return Ok(body);
    }
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let fault = problem["errors"][0]["detail"]
        .as_str()
        .map(|detail| format!("the statement {detail}"));
    let detail = fault.or_else(|| problem["detail"].as_str().map(str::to_owned));
    Err(Failed(
        detail.unwrap_or_else(|| format!("{server} answers {status}")),
    ))
}

/// The answer as a table for people. Numbers stand at the right.
fn table(answer: &Value) -> Table {
    let none = Vec::new();
    let columns = answer["columns"].as_array().unwrap_or(&none);
    let names = columns
        .iter()
        .map(|column| column["name"].as_str().unwrap_or_default());
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(names.clone());
    for item in answer["items"].as_array().unwrap_or(&none) {
        table.add_row(names.clone().map(|name| match &item[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    for (column, shown) in columns.iter().zip(table.column_iter_mut()) {
        if ["integer", "number"]
            .iter()
            .any(|kind| column["type"] == *kind)
        {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_numbers_at_the_right_and_nothing_for_null() {
        let answer = json!({
            "columns": [{"name": "medium", "type": "string"}, {"name": "n", "type": "integer"}],
            "items": [{"medium": "chat", "n": 12_345}, {"medium": null, "n": 7}],
        });
        let shown = table(&answer).to_string();
        assert!(
            shown.contains("chat") && shown.contains("12345 ") && shown.contains("    7 "),
            "{shown}"
        );
        assert!(!shown.contains("null"), "{shown}");
    }
}
