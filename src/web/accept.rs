//! Content negotiation by `Accept` (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// Which of these media types a client prefers, as an index.
///
/// The highest quality wins. Ties go to the more specific range, then to the range that comes
/// first, then to the first offer. A client that accepts none of the offers gets the first one, as
/// HTTP allows.
pub fn preferred(headers: &HeaderMap, offers: &[&str]) -> usize {
    let ranges: Vec<Range> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::read)
        .collect();
    let rank = |offer: &str| {
        let matching = ranges.iter().enumerate();
        let (place, range) = matching
            .filter(|(_, range)| range.takes(offer))
            .max_by_key(|(place, range)| (range.exactness(), std::cmp::Reverse(*place)))?;
        let rank = (range.quality, range.exactness(), std::cmp::Reverse(place));
        (range.quality > 0).then_some(rank)
    };
    let ranked = offers.iter().enumerate().filter_map(|(index, offer)| {
        let rank = rank(offer)?;
        Some((rank, std::cmp::Reverse(index)))
    });
    ranked.max().map_or(0, |(_, index)| index.0)
}

/// A media range with its quality in thousandths.
struct Range {
    kind: String,
    quality: u16,
}

impl Range {
    /// Parses a range; `None` if it is malformed.
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        if !kind.contains('/') {
            return None;
        }
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        let quality = quality.map_or(Some(1000), thousandths)?;
        Some(Self { kind, quality })
    }

    fn takes(&self, offer: &str) -> bool {
        self.kind == "*/*"
            || self.kind == offer
            || self
                .kind
                .strip_suffix('*')
                .is_some_and(|kind| kind.ends_with('/') && offer.starts_with(kind))
    }

    fn exactness(&self) -> u8 {
        match self.kind.as_str() {
            "*/*" => 0,
            kind if kind.ends_with("/*") => 1,
            _ => 2,
        }
    }
}

/// `0.25` as 250.
fn thousandths(text: &str) -> Option<u16> {
    let quality: f32 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=1.0)
        .contains(&quality)
        .then_some((quality * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_quality_wins_then_the_exact_name_then_the_order() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            preferred(&headers, &["application/json", "text/event-stream"])
        };
        for (accept, wanted) in [
            ("*/*", 0),
            ("application/json", 0),
            ("text/event-stream", 1),
            ("TEXT/Event-Stream; q=1", 1),
            ("text/*", 1),
            ("text/event-stream, */*", 1),
            ("text/event-stream, application/json", 1),
            ("application/json, text/event-stream", 0),
            ("text/event-stream;q=0.1, application/json", 0),
            ("text/event-stream;q=0.1, application/json;q=0.09", 1),
            ("text/event-stream;q=0.5, */*;q=0.8", 0),
            ("text/event-stream;q=0, */*", 0),
            ("text/event-stream;q=0", 0),
            ("text/event-stream;q=2", 0),
            ("text/*, text/event-stream;q=0", 0),
            ("text/html", 0),
            ("", 0),
            ("nonsense", 0),
        ] {
            assert_eq!(of(accept), wanted, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &["a/b", "c/d"]), 0);
    }
}
