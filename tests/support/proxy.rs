//! A proxy between the server and its Postgres that fails on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Place;

/// The faults to inject.
#[derive(Default)]
pub struct Faults {
    /// How many more commits lose their answer and their connection.
    pub lost_commits: AtomicUsize,
    /// Whether nothing is forwarded and open connections break at their next message.
    pub down: AtomicBool,
}

/// Puts the proxy in front of a place.
pub async fn before(place: &mut Place) -> Arc<Faults> {
    let mut url = url::Url::parse(&place.url).expect("a URL");
    let (host, port) = (
        url.host_str().expect("a host").to_owned(),
        url.port().unwrap_or(5432),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the port is known");
    url.set_host(Some("127.0.0.1")).expect("it has a host");
    url.set_port(Some(address.port())).expect("it has a port");
    place.url = url.to_string();
    let faults: Arc<Faults> = Arc::default();
    let shared = Arc::clone(&faults);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            if shared.down.load(Ordering::SeqCst) {
                continue;
            }
            let far = TcpStream::connect((host.as_str(), port)).await;
            let far = far.expect("the Postgres answers");
            tokio::spawn(carry(near, far, Arc::clone(&shared)));
        }
    });
    faults
}

async fn carry(mut near: TcpStream, mut far: TcpStream, faults: Arc<Faults>) {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut lose = false;
    loop {
        let carried = tokio::select! {
            read = near.read(&mut asked) => match read {
                Ok(read @ 1..) => {
                    let down = faults.down.load(Ordering::SeqCst);
                    let commits = asked[..read].windows(7).any(|word| word == b"COMMIT\0");
                    let left = faults.lost_commits.load(Ordering::SeqCst);
                    if commits && left > 0 {
                        faults.lost_commits.store(left - 1, Ordering::SeqCst);
                        lose = true;
                    }
                    !down && far.write_all(&asked[..read]).await.is_ok()
                }
                _ => false,
            },
            read = far.read(&mut answered) => match read {
                // the commit has taken effect, and nobody is told
                Ok(read @ 1..) => !lose && near.write_all(&answered[..read]).await.is_ok(),
                _ => false,
            },
        };
        if !carried {
            return;
        }
    }
}
