//! Compressed bodies: `Content-Encoding` of a request.
//!
//! A body is decoded as it is read. Limits therefore apply to the decoded bytes, and the body of a
//! refused request is never decoded.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf};
use tokio_util::io::{ReaderStream, StreamReader};

use super::body::{Unreadable, read_off};

/// The supported codings, sent as `Accept-Encoding` with the refusal of any other.
pub const TAKEN: &str = "gzip, deflate, br, zstd";
/// The maximum number of nested codings.
const MOST: usize = 3;
/// The window of a zstd body, 8 MiB: what RFC 9659 allows for HTTP.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Bytes decoded at a time.
const CHUNK: usize = 32 * 1024;
/// Paths whose body has no total limit.
const STREAMED: [&str; 1] = ["/v1/interactions/batch"];

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

impl Coding {
    fn named(name: &str) -> Option<Self> {
        match name {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn decoder(self, from: Reader) -> Reader {
        let from = BufReader::new(from);
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(from);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Self::Deflate => Box::pin(Deflated::Unknown(Some(from))),
            Self::Brotli => Box::pin(BrotliDecoder::new(from)),
            Self::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(from, &[window]);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        }
    }
}

/// A `deflate` body: a zlib stream, or a raw one, as some clients send.
enum Deflated {
    /// Nothing is read yet.
    Unknown(Option<BufReader<Reader>>),
    Zlib(ZlibDecoder<BufReader<Reader>>),
    Raw(DeflateDecoder<BufReader<Reader>>),
}

impl AsyncRead for Deflated {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Self::Unknown(held) = this
            && let Some(from) = held
        {
            // a zlib stream begins with a byte that ends in 8; a raw stream begins so only if its
            // first block is neither compressed nor the last one, and its padding is not zero
            let first = ready!(Pin::new(&mut *from).poll_fill_buf(cx))?;
            let zlib = first.first().is_none_or(|byte| byte & 0x0f == 8);
            if let Some(from) = held.take() {
                *this = if zlib {
                    Self::Zlib(ZlibDecoder::new(from))
                } else {
                    Self::Raw(DeflateDecoder::new(from))
                };
            }
        }
        match this {
            Self::Unknown(_) => Poll::Ready(Ok(())),
            Self::Zlib(decoder) => Pin::new(decoder).poll_read(cx, into),
            Self::Raw(decoder) => Pin::new(decoder).poll_read(cx, into),
        }
    }
}

/// The request with its body decoded. The decoded body is limited to `most` bytes, except on paths
/// without a limit.
///
/// # Errors
/// A sentence about an unknown coding, or too many of them.
pub fn decoded(request: Request, most: usize) -> Result<Request, String> {
    let codings = codings(request.headers())?;
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::CONTENT_ENCODING);
    if codings.is_empty() || body.is_end_stream() {
        return Ok(Request::from_parts(parts, body));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let most = (!STREAMED.contains(&parts.uri.path())).then_some(most);
    Ok(Request::from_parts(parts, unpacked(body, &codings, most)))
}

/// The codings of a body, in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let names = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let names = names.split(',').map(str::trim);
        for name in names.filter(|name| !["", "identity"].contains(name)) {
            let coding = Coding::named(name).ok_or_else(|| {
                let shown: String = name.chars().take(64).collect();
                format!("the Content-Encoding {shown:?} is not supported; send {TAKEN} or none")
            })?;
            codings.push(coding);
        }
    }
    if codings.len() > MOST {
        return Err(format!("the body has more than {MOST} codings"));
    }
    Ok(codings)
}

fn unpacked(body: Body, codings: &[Coding], most: Option<usize>) -> Body {
    let source = Source(Arc::new(Mutex::new(body.into_data_stream())));
    let mut reader: Reader = Box::pin(StreamReader::new(source.clone()));
    for coding in codings.iter().rev() {
        reader = coding.decoder(reader);
    }
    let unpacking = Unpacking {
        chunks: ReaderStream::with_capacity(reader, CHUNK),
        source,
        total: 0,
        most,
    };
    Body::from_stream(try_unfold(unpacking, Unpacking::next))
}

/// A body that is being decoded.
struct Unpacking {
    chunks: ReaderStream<Reader>,
    source: Source,
    /// Bytes decoded so far.
    total: usize,
    most: Option<usize>,
}

impl Unpacking {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Unreadable> {
        let why = match self.chunks.next().await {
            None => return Ok(None),
            Some(Ok(chunk)) => {
                self.total = self.total.saturating_add(chunk.len());
                match self.most {
                    Some(most) if self.total > most => Unreadable::TooLarge(most),
                    _ => return Ok(Some((chunk, self))),
                }
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {
                return Err(Unreadable::BrokenOff);
            }
            Some(Err(_)) => Unreadable::Encoding,
        };
        // drain without decoding, as the request is refused
        read_off(&mut self.source).await;
        Err(why)
    }
}

/// The raw body. Shared, because a decoder does not return its source.
#[derive(Clone)]
struct Source(Arc<Mutex<BodyDataStream>>);

impl Stream for Source {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = ready!(body.poll_next_unpin(cx));
        Poll::Ready(chunk.map(|chunk| {
            chunk.map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))
        }))
    }
}
