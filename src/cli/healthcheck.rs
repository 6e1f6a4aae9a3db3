//! `annals healthcheck`, for containers without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failed;
use crate::config::Config;

/// How long to wait for the server.
const PATIENCE: Duration = Duration::from_secs(3);

/// Succeeds when the server is ready.
#[derive(Args)]
pub struct Healthcheck {
    /// The server, if it is not the one in the settings: http://host:port
    #[arg(long)]
    url: Option<String>,
}

impl Healthcheck {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let target = match &self.url {
            None => reachable(config.server.listen).to_string(),
            Some(url) => {
                let url =
                    url::Url::parse(url).map_err(|error| Failed(format!("--url: {error}")))?;
                let host = url.host_str().unwrap_or("127.0.0.1");
                format!("{host}:{}", url.port_or_known_default().unwrap_or(80))
            }
        };
        match tokio::time::timeout(PATIENCE, ask(&target)).await {
            Ok(Ok(status)) if status.contains(" 200 ") => {
                println!("ready");
                Ok(ExitCode::SUCCESS)
            }
            Ok(Ok(status)) => Err(Failed(format!("{target} answers {status}"))),
            Ok(Err(error)) => Err(Failed(format!("{target}: {error}"))),
            Err(_) => Err(Failed(format!(
                "{target} did not answer within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}

/// The address at which to reach a server that listens on `listen`. For the unspecified address
/// this is loopback.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Requests `/readyz` and returns the status line.
async fn ask(target: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(target).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
