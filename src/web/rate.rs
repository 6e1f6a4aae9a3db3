//! Rate limits: a token bucket for each client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The maximum number of remembered clients; the least recently active are dropped first.
const MOST: usize = 20_000;

/// The buckets of all clients.
pub struct Rate {
    /// Events that a bucket gains per second.
    gain: f64,
    /// The capacity of a bucket.
    burst: f64,
    /// Two generations of buckets. When the young generation is full it replaces the old one, which
    /// is dropped.
    buckets: Mutex<(HashMap<IpAddr, Bucket>, HashMap<IpAddr, Bucket>)>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Below zero if more was taken at once than the capacity.
    left: f64,
    at: Instant,
}

impl Rate {
    /// Buckets that gain `rate` per second and hold `burst`.
    pub fn new(rate: u32, burst: u32) -> Self {
        Self {
            gain: f64::from(rate),
            burst: f64::from(burst),
            buckets: Mutex::default(),
        }
    }

    /// Takes `many` from a client's bucket.
    ///
    /// # Errors
    /// How long until the bucket holds enough. Nothing is taken in that case. A request for more
    /// than the capacity is granted once the bucket is full, and leaves it in debt.
    pub fn take(&self, client: IpAddr, many: usize, now: Instant) -> Result<(), Duration> {
        let client = network(client);
        let many = f64::from(u32::try_from(many).unwrap_or(u32::MAX));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (young, old) = &mut *buckets;
        let held = young.get(&client).or_else(|| old.get(&client));
        let left = held.map_or(self.burst, |bucket| {
            let gained = now.duration_since(bucket.at).as_secs_f64() * self.gain;
            (bucket.left + gained).min(self.burst)
        });
        let missing = many.min(self.burst) - left;
        if missing > 0.0 {
            return Err(Duration::from_secs_f64(missing / self.gain));
        }
        if young.len() >= MOST / 2 {
            *old = std::mem::take(young);
        }
        let left = left - many;
        young.insert(client, Bucket { left, at: now });
        Ok(())
    }
}

/// The network that counts as one client: an IPv4 address, or a /64 network, which is what a
/// household has.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_is_emptied_and_fills_again() {
        let (rate, begun) = (Rate::new(10, 20), Instant::now());
        let after = |millis| begun + Duration::from_millis(millis);
        let ann = address("192.0.2.1");
        assert_eq!(rate.take(ann, 20, begun), Ok(()));
        assert_eq!(rate.take(ann, 5, begun), Err(Duration::from_millis(500)));
        assert_eq!(
            rate.take(address("192.0.2.2"), 5, begun),
            Ok(()),
            "another client"
        );
        assert_eq!(rate.take(ann, 5, after(500)), Ok(()));
        assert!(rate.take(ann, 1, after(500)).is_err());
        assert_eq!(
            rate.take(ann, 20, after(60_000)),
            Ok(()),
            "no fuller than full"
        );
        assert!(rate.take(ann, 1, after(60_000)).is_err());
    }

    #[test]
    fn more_than_a_bucket_holds_is_taken_from_a_full_one_and_paid_back() {
        let (rate, begun) = (Rate::new(10, 20), Instant::now());
        let ann = address("192.0.2.1");
        assert_eq!(rate.take(ann, 100, begun), Ok(()));
        assert_eq!(rate.take(ann, 1, begun), Err(Duration::from_millis(8_100)));
    }

    #[test]
    fn a_household_is_one_client_and_an_address_is_one_in_either_form() {
        let (rate, now) = (Rate::new(1, 1), Instant::now());
        for (first, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(rate.take(address(first), 1, now), Ok(()));
            assert!(rate.take(address(same), 1, now).is_err(), "{same}");
        }
        assert_eq!(rate.take(address("2001:db8:1:3::1"), 1, now), Ok(()));
    }

    #[test]
    fn so_many_clients_are_remembered_and_no_more() {
        let (rate, now) = (Rate::new(1, 1), Instant::now());
        let busy = address("192.0.2.1");
        for number in 0..u32::try_from(3 * MOST).unwrap() {
            let _ = rate.take(busy, 1, now + Duration::from_secs(number.into()));
            let client = IpAddr::from((0x0a00_0000 | number).to_be_bytes());
            assert_eq!(rate.take(client, 1, now), Ok(()));
            let buckets = rate.buckets.lock().unwrap();
            assert!(buckets.0.len() + buckets.1.len() <= MOST + 1);
        }
        let last = now + Duration::from_secs(3 * MOST as u64 - 1);
        assert!(
            rate.take(busy, 1, last).is_err(),
            "an active one stays known"
        );
    }
}
