//! A cheap load generator: keep-alive connections, prepared requests, and answers that are read but
//! not parsed. It runs on one thread, on the same processors as the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The number of connections for the claims.
pub const CONNECTIONS: usize = 64;

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(128 * 1024),
        })
    }

    /// Sends a request and reads the answer: the status and the body.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if let Some(end) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                break end + 4;
            }
            self.more().await?;
        };
        let text = std::str::from_utf8(&self.received[..head]).map_err(io::Error::other)?;
        let status = text
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other("no status"))?;
        let length: usize = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.trim().parse().ok())
            .ok_or_else(|| io::Error::other("no content-length"))?;
        while self.received.len() < head + length {
            self.more().await?;
        }
        Ok((status, &self.received[head..head + length]))
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            return Err(io::Error::other("the server closed the connection"));
        }
        Ok(())
    }
}

/// A GET request.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// A POST request.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The result of a load.
pub struct Load {
    /// From the first request to the last answer.
    pub took: Duration,
    /// How long each answer took, in seconds.
    pub seconds: Vec<f64>,
}

/// Sends all requests over a number of connections, each once.
pub async fn run(to: SocketAddr, connections: usize, requests: Arc<Vec<Vec<u8>>>) -> Load {
    let most = requests.len();
    send(to, connections, requests, move |sent, _| sent < most).await
}

/// Sends requests over a number of connections for a time, again from the first after the last.
pub async fn sustained(
    to: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    lasting: Duration,
) -> Load {
    send(to, connections, requests, move |_, begun| {
        begun.elapsed() < lasting
    })
    .await
}

/// Sends requests in turn while `more` holds for the number of those before and the beginning.
async fn send(
    to: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    more: impl Fn(usize, Instant) -> bool + Copy + Send + 'static,
) -> Load {
    on_one_thread(move |runtime| {
        runtime.block_on(async {
            let next = Arc::new(AtomicUsize::new(0));
            let mut open = Vec::new();
            for _ in 0..connections {
                open.push(Connection::open(to).await.expect("the server listens"));
            }
            let begun = Instant::now();
            let asking: Vec<_> = open
                .into_iter()
                .map(|mut connection| {
                    let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
                    tokio::task::spawn(async move {
                        let mut seconds = Vec::new();
                        loop {
                            let sent = next.fetch_add(1, Ordering::Relaxed);
                            if !more(sent, begun) {
                                return seconds;
                            }
                            let request = &requests[sent % requests.len()];
                            seconds.push(timed(&mut connection, request).await);
                        }
                    })
                })
                .collect();
            let mut seconds = Vec::new();
            for task in asking {
                seconds.extend(task.await.expect("every answer is as expected"));
            }
            Load {
                took: begun.elapsed(),
                seconds,
            }
        })
    })
    .await
}

/// Sends a request, and returns the seconds until its answer, which must be a success.
async fn timed(connection: &mut Connection, request: &[u8]) -> f64 {
    let begun = Instant::now();
    let (status, body) = connection.ask(request).await.expect("the server answers");
    let took = begun.elapsed().as_secs_f64();
    assert!(
        (200..300).contains(&status),
        "{status}: {}",
        String::from_utf8_lossy(body)
    );
    took
}

/// Records the lines of a batch, and returns how long it took.
pub async fn batch(to: SocketAddr, lines: String) -> Duration {
    let client = reqwest::Client::new();
    let begun = Instant::now();
    let answer = client
        .post(format!("http://{to}/v1/interactions/batch?reply=errors"))
        .header("content-type", "application/x-ndjson")
        .body(lines)
        .send()
        .await
        .expect("the server answers");
    let text = answer.text().await.expect("the answer is text");
    assert!(text.contains("\"refused\":0"), "{text}");
    begun.elapsed()
}

/// The bodies of the answers to some requests, sent one after the other.
pub async fn bodies(to: SocketAddr, requests: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    on_one_thread(move |runtime| {
        runtime.block_on(async {
            let mut connection = Connection::open(to).await.expect("the server listens");
            let mut bodies = Vec::with_capacity(requests.len());
            for request in requests {
                let (status, body) = connection.ask(&request).await.expect("the server answers");
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
                bodies.push(body.to_vec());
            }
            bodies
        })
    })
    .await
}

/// Runs a future on its own thread, in its own runtime.
pub async fn on_one_thread<T: Send + 'static>(
    work: impl FnOnce(tokio::runtime::Runtime) -> T + Send + 'static,
) -> T {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        work(runtime)
    })
    .await
    .expect("the load runs to its end")
}
