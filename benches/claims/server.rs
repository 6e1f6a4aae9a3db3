//! The measured servers, each in its own process: `annals serve`, and a server that answers the
//! same bytes from memory.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;

/// Names the file of answers, and makes this program serve them.
const ANSWERS: &str = "ANNALS_BENCH_ANSWERS";

/// A server in its own process.
pub struct Server {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
}

impl Server {
    /// `annals serve` on a SQLite file.
    pub fn annals(database: &Path) -> Self {
        Self::annals_with(database, &[])
    }

    /// `annals serve` on a SQLite file, with extra settings.
    pub fn annals_with(database: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serve(&format!("sqlite://{}", database.display()), settings)
    }

    /// `annals serve` on a database.
    pub fn annals_at(url: &str) -> Self {
        Self::serve(url, &[])
    }

    fn serve(url: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--database-url", url]);
        command.envs(settings.iter().copied());
        Self::start(&mut command)
    }

    /// A server with a route for each path, which answers these bytes from memory.
    pub fn memory(folder: &Path, answers: &[(String, Vec<u8>)]) -> Self {
        let file = folder.join("answers");
        let lines: Vec<String> = answers
            .iter()
            .map(|(path, body)| format!("{path}\t{}", String::from_utf8_lossy(body)))
            .collect();
        std::fs::write(&file, lines.join("\n")).expect("the disk has room");
        let this = std::env::current_exe().expect("this program has a path");
        Self::start(Command::new(this).env(ANSWERS, file))
    }

    /// Starts a server that prints its address in its first line.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.as_mut().expect("it is piped"));
        lines.read_line(&mut line).expect("the server speaks");
        let address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .and_then(|address| address.parse().ok())
            .expect("the server says where it listens");
        Self { child, address }
    }

    /// Its peak memory in MiB, including memory-mapped files.
    pub fn peak_memory(&self) -> u64 {
        self.kibibytes("VmHWM:") / 1024
    }

    /// Its private memory in MiB.
    pub fn own_memory(&self) -> u64 {
        self.own_kibibytes() / 1024
    }

    /// Its private memory in KiB.
    pub fn own_kibibytes(&self) -> u64 {
        self.kibibytes("RssAnon:")
    }

    /// Bytes that it has written to the disk, by `/proc/PID/io`.
    pub fn written(&self) -> u64 {
        let path = format!("/proc/{}/io", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("write_bytes: "))
            .and_then(|bytes| bytes.parse().ok())
            .unwrap_or_default()
    }

    fn kibibytes(&self, kind: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix(kind))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    }

    /// The processor time that it has used.
    pub fn processor_time(&self) -> std::time::Duration {
        crate::tell::processor_time(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // as an operator would
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if asked.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The file of answers, if this process was started to serve it.
pub fn answers() -> Option<PathBuf> {
    std::env::var_os(ANSWERS).map(PathBuf::from)
}

/// Serves answers from memory, with routes like those of the server.
pub async fn serve_answers(file: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let answers: HashMap<String, Bytes> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(path, body)| {
            let id = path.split('?').next().unwrap_or_default();
            let id = id.trim_end_matches("/history").rsplit('/').next();
            (
                id.unwrap_or_default().to_owned(),
                Bytes::copy_from_slice(body.as_bytes()),
            )
        })
        .collect();
    let router = Router::new()
        .route("/v1/interactions/{id}", get(answer))
        .route("/v1/contacts/{id}/history", get(answer))
        .with_state(Arc::new(answers));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listens on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

async fn answer(
    State(answers): State<Arc<HashMap<String, Bytes>>>,
    extract::Path(id): extract::Path<String>,
) -> Response {
    let body = answers.get(&id).cloned().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
