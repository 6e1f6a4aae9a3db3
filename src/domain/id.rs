//! Identifiers: 16 characters of `[0-9A-Za-z]` if the server makes them, up to 64 visible
//! characters if a caller does.

use rand::RngCore;

use super::Moment;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^8: the range of each half of an identifier.
const HALF: u64 = 218_340_105_584_896;

/// Makes identifiers whose byte order is the order of their moments.
///
/// The first eight characters are milliseconds since 1970, the last eight are random. Within one
/// millisecond the random half counts upwards, so a source never repeats an identifier and never
/// goes backwards.
pub struct Ids {
    random: Box<dyn RngCore + Send>,
    last: (u64, u64),
}

impl Ids {
    /// A source that uses the given randomness.
    pub fn new(random: Box<dyn RngCore + Send>) -> Self {
        Self {
            random,
            last: (0, 0),
        }
    }

    /// The next identifier, for something that happened at `at`.
    pub fn next(&mut self, at: Moment) -> String {
        let millis = u64::try_from(at.micros().div_euclid(1000)).unwrap_or(0) % HALF;
        let tail = if millis == self.last.0 {
            (self.last.1 + 1) % HALF
        } else {
            self.random.next_u64() % HALF
        };
        self.last = (millis, tail);
        let mut id = String::with_capacity(16);
        for half in [millis, tail] {
            let mut digits = [b'0'; 8];
            let mut rest = half;
            for digit in digits.iter_mut().rev() {
                *digit = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
                rest /= 62;
            }
            id.extend(digits.iter().map(|digit| char::from(*digit)));
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn later_ids_sort_after_earlier_ones_and_none_repeats() {
        let mut ids = Ids::new(Box::new(rand_chacha::ChaCha8Rng::seed_from_u64(1)));
        let start = Moment::parse("2026-03-01T09:30:00Z").unwrap();
        let made: Vec<String> = (0..5000)
            .map(|step| ids.next(start.plus_micros(step * 700)))
            .collect();
        assert!(made.is_sorted());
        assert!(made.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(
            made.iter()
                .all(|id| id.len() == 16 && id.bytes().all(|c| c.is_ascii_alphanumeric()))
        );
    }
}
