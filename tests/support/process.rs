//! The real binary in its own process.

use std::ops::Deref;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Place, Server};

/// How long a process may take to start or end before a test fails; test machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with these arguments for a store, without settings from the suite's environment.
pub fn annals(url: &str, args: &[&str]) -> Command {
    under(&[], url, args)
}

/// The binary run by another command, such as strace.
pub fn under(wrapper: &[&str], url: &str, args: &[&str]) -> Command {
    let words: Vec<&str> = wrapper
        .iter()
        .copied()
        .chain([env!("CARGO_BIN_EXE_annals")])
        .chain(args.iter().copied())
        .collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ANNALS_") {
            command.env_remove(name);
        }
    }
    command
        .env("ANNALS_DATABASE_URL", url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A completed command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub told: String,
}

/// Runs the binary to completion.
pub async fn run(url: &str, args: &[&str]) -> Ran {
    let ended = tokio::time::timeout(PATIENCE, annals(url, args).output())
        .await
        .expect("the command ends in time")
        .expect("the binary runs");
    Ran {
        code: ended.status.code(),
        out: String::from_utf8_lossy(&ended.stdout).into_owned(),
        told: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

/// A serving process, and a client for it.
pub struct Process {
    pub http: Server,
    child: Child,
    told: Arc<Mutex<Vec<u8>>>,
}

impl Deref for Process {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.http
    }
}

impl Process {
    /// `annals serve` on a free port.
    pub async fn serve(place: &Arc<Place>) -> Self {
        Self::start(place, annals(&place.url, &SERVE)).await
    }

    /// Starts a command that serves, and waits until it is ready.
    pub async fn start(place: &Arc<Place>, command: Command) -> Self {
        Self::try_start(place, command)
            .await
            .unwrap_or_else(|ran| panic!("the server did not start: {ran:?}"))
    }

    /// As [`Process::start`], or the result of a command that ended before it served.
    pub async fn try_start(place: &Arc<Place>, mut command: Command) -> Result<Self, Ran> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let told: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut stderr = child.stderr.take().expect("is piped");
        let keep = Arc::clone(&told);
        let telling = tokio::spawn(async move {
            let mut part = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = stderr.read(&mut part).await {
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&part[..read]);
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .expect("the server says where it listens, in time")
            .expect("its output can be read");
        let Some(address) = first.as_deref().and_then(|line| {
            let rest = line.strip_prefix("Annals listens on ")?;
            rest.split_whitespace().next()
        }) else {
            let status = child.wait().await.expect("it ends");
            let _ = telling.await;
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(Ran {
                code: status.code(),
                out: first.unwrap_or_default(),
                told: String::from_utf8_lossy(&told).into_owned(),
            });
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let process = Self {
            http: Server::elsewhere(address.to_owned(), Arc::clone(place)),
            child,
            told,
        };
        let begun = Instant::now();
        while process
            .request("GET", "/readyz")
            .send()
            .await
            .is_ok_and(|answer| answer.status() != 200)
        {
            assert!(begun.elapsed() < PATIENCE, "not ready: {}", process.told());
        }
        Ok(process)
    }

    /// What it has written to standard error.
    pub fn told(&self) -> String {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&told).into_owned()
    }

    /// Its process identifier.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it like a power failure: SIGKILL.
    pub async fn kill(mut self) -> Arc<Place> {
        self.child.kill().await.expect("it can be killed");
        Arc::clone(&self.http.place)
    }

    /// Asks it to stop: SIGTERM.
    pub async fn terminate(&self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()
            .await
            .expect("kill runs");
        assert!(asked.success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("its end can be seen")
    }

    /// Asks it to stop and waits for its end.
    pub async fn stop(mut self) -> Arc<Place> {
        self.terminate().await;
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.told());
        Arc::clone(&self.http.place)
    }
}

/// The arguments of a server on a free port.
pub const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];
