//! A pipe whose writer never blocks. Data that the reader has not consumed yet spills from memory
//! to a temporary file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::Notify;

/// Bytes kept in memory before the file is used.
const IN_MEMORY: usize = 256 * 1024;
/// Bytes read from the file at once.
const PORTION: usize = 64 * 1024;

#[derive(Default)]
struct State {
    memory: VecDeque<Bytes>,
    in_memory: usize,
    file: Option<File>,
    read: u64,
    written: u64,
    ended: bool,
    abandoned: bool,
}

/// The writing end.
pub struct Sender(Arc<(Mutex<State>, Notify)>);

/// The reading end.
struct Receiver(Arc<(Mutex<State>, Notify)>);

/// Both ends.
pub fn pipe() -> (
    Sender,
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) {
    let shared = Arc::new((Mutex::new(State::default()), Notify::new()));
    let receiver = Receiver(Arc::clone(&shared));
    let stream = futures_util::stream::unfold(receiver, |receiver| async move {
        receiver.next().await.map(|part| (part, receiver))
    });
    (Sender(shared), stream)
}

impl Sender {
    /// Adds bytes; returns false once the reader is gone.
    ///
    /// # Errors
    /// When the temporary file cannot be created or written.
    pub fn send(&self, bytes: Vec<u8>) -> io::Result<bool> {
        let (state, notify) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.abandoned {
            return Ok(false);
        }
        if state.read == state.written && state.in_memory + bytes.len() <= IN_MEMORY {
            state.in_memory += bytes.len();
            state.memory.push_back(bytes.into());
        } else {
            let at = state.written;
            let file = match &mut state.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile()?),
            };
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&bytes)?;
            state.written += bytes.len() as u64;
        }
        notify.notify_one();
        Ok(true)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let (state, notify) = &*self.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        notify.notify_one();
    }
}

impl Receiver {
    async fn next(&self) -> Option<io::Result<Bytes>> {
        let (state, notify) = &*self.0;
        loop {
            let woken = notify.notified();
            if let Some(part) = take(&mut state.lock().unwrap_or_else(PoisonError::into_inner)) {
                return part;
            }
            woken.await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            abandoned: true,
            ..State::default()
        };
    }
}

/// The next part, the end, or `None` if no data is available yet.
#[expect(clippy::option_option, reason = "nothing yet, the end, a part")]
fn take(state: &mut State) -> Option<Option<io::Result<Bytes>>> {
    if let Some(bytes) = state.memory.pop_front() {
        state.in_memory -= bytes.len();
        return Some(Some(Ok(bytes)));
    }
    if state.read < state.written {
        let left = usize::try_from(state.written - state.read)
            .unwrap_or(PORTION)
            .min(PORTION);
        let mut part = vec![0; left];
        let at = state.read;
        let file = state.file.as_mut()?;
        if let Err(error) = file
            .seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut part))
        {
            return Some(Some(Err(error)));
        }
        state.read += part.len() as u64;
        if state.read == state.written {
            (state.read, state.written) = (0, 0);
            let _ = state.file.as_mut().map(|file| file.set_len(0));
        }
        return Some(Some(Ok(part.into())));
    }
    state.ended.then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    #[tokio::test]
    async fn what_was_not_read_in_time_comes_in_order_all_the_same() {
        let (sender, stream) = pipe();
        let mut sent = Vec::new();
        for number in 0..200_000_u32 {
            let line = format!("{number}\n").into_bytes();
            sent.extend_from_slice(&line);
            assert!(sender.send(line).unwrap());
        }
        drop(sender);
        let read: Vec<u8> = stream
            .try_fold(Vec::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            })
            .await
            .unwrap();
        assert!(read == sent);
    }
}
