//! A line between a client and a server. It can be cut, lose an answer half-way, be down, and lead
//! to another server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Server;

/// The line.
pub struct Line {
    /// Where clients connect to.
    pub base: String,
    faults: Arc<Faults>,
}

struct Faults {
    /// The target of the line; none while it is down.
    target: Mutex<Option<SocketAddr>>,
    /// Every change of it cuts open connections.
    cuts: watch::Sender<usize>,
    /// How many more answers that contain these bytes are cut half-way.
    marked: Mutex<Vec<u8>>,
    halves: AtomicUsize,
}

fn address(server: &Server) -> SocketAddr {
    let text = server.base.strip_prefix("http://").expect("plain HTTP");
    text.parse().expect("an address")
}

impl Line {
    pub async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let near = listener.local_addr().expect("the port is known");
        let faults = Arc::new(Faults {
            target: Mutex::new(Some(address(server))),
            cuts: watch::Sender::new(0),
            marked: Mutex::default(),
            halves: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&faults);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, Arc::clone(&shared)));
            }
        });
        Self {
            base: format!("http://{near}"),
            faults,
        }
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.faults.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts every connection, and refuses new ones.
    pub fn go_down(&self) {
        *self.faults.target() = None;
        self.cut();
    }

    /// Leads to this server from now on; open connections are cut.
    pub fn lead_to(&self, server: &Server) {
        *self.faults.target() = Some(address(server));
        self.cut();
    }

    /// Lets only the first half of a number of answers that contain these bytes through, and cuts
    /// their connections.
    pub fn halve(&self, answers: usize, holding: &str) {
        *self.faults.marked() = holding.as_bytes().to_vec();
        self.faults.halves.store(answers, Ordering::SeqCst);
    }

    /// How many answers remain to be halved.
    pub fn to_halve(&self) -> usize {
        self.faults.halves.load(Ordering::SeqCst)
    }
}

impl Faults {
    fn target(&self) -> std::sync::MutexGuard<'_, Option<SocketAddr>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marked(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn halves(&self, answer: &[u8]) -> bool {
        if self.halves.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let marked = self.marked().clone();
        let held = answer.windows(marked.len()).any(|bytes| bytes == marked);
        let one_less = |left: usize| left.checked_sub(1);
        held && self
            .halves
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
    }
}

async fn carry(mut near: TcpStream, faults: Arc<Faults>) {
    let mut cuts = faults.cuts.subscribe();
    let target = *faults.target();
    let Some(target) = target else {
        return;
    };
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let carried = tokio::select! {
            _ = cuts.changed() => false,
            read = near.read(&mut asked) => match read {
                Ok(read @ 1..) => far.write_all(&asked[..read]).await.is_ok(),
                _ => false,
            },
            read = far.read(&mut answered) => match read {
                Ok(read @ 1..) if faults.halves(&answered[..read]) => {
                    let _ = near.write_all(&answered[..read / 2]).await;
                    false
                }
                Ok(read @ 1..) => near.write_all(&answered[..read]).await.is_ok(),
                _ => false,
            },
        };
        if !carried {
            return;
        }
    }
}
