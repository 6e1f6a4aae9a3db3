//! Counts wrong passwords by user name, to limit guessing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The number of wrong passwords in a row that starts a wait.
const BORNE: u32 = 5;
/// The time within which they count.
const WITHIN: Duration = Duration::from_secs(60);
/// The first wait. Each further wrong password doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The maximum number of names that are tracked.
const MOST: usize = 10_000;

/// A hashed name. Names may be long, and memory should not reveal who was tried.
pub type Who = [u8; 32];

/// The recent wrong attempts.
#[derive(Default)]
pub struct Tries(HashMap<Who, Row>);

/// Wrong attempts in a row.
struct Row {
    wrong: u32,
    /// When a new row may start.
    ends: Instant,
    /// Until when no attempt is checked.
    until: Instant,
}

impl Tries {
    /// How long attempts for this name are refused; `None` if they are not.
    pub fn wait(&self, who: &Who, now: Instant) -> Option<Duration> {
        let row = self.0.get(who)?;
        (row.until > now).then(|| row.until - now)
    }

    /// Records a wrong password.
    pub fn wrong(&mut self, who: Who, now: Instant) {
        self.0.retain(|_, row| row.ends > now);
        if self.0.len() >= MOST && !self.0.contains_key(&who) {
            let first = self.0.iter().min_by_key(|(_, row)| row.ends);
            if let Some(first) = first.map(|(who, _)| *who) {
                self.0.remove(&first);
            }
        }
        let row = self.0.entry(who).or_insert(Row {
            wrong: 0,
            ends: now + WITHIN,
            until: now,
        });
        row.wrong += 1;
        if row.wrong >= BORNE {
            let doubled = 2_u32.saturating_pow(row.wrong - BORNE);
            row.until = now + FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT);
            row.ends = row.until + WITHIN;
        }
    }

    /// Records a right password, which ends the row.
    pub fn right(&mut self, who: &Who) {
        self.0.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Who = [1; 32];

    fn after(seconds: u64, begun: Instant) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn five_wrong_ones_in_a_minute_make_the_next_wait_and_longer_each_time() {
        let begun = Instant::now();
        let mut tries = Tries::default();
        for second in 0..4 {
            tries.wrong(ANN, after(second, begun));
            assert_eq!(tries.wait(&ANN, after(second, begun)), None);
        }
        let mut now = after(5, begun);
        for wanted in [1, 2, 4, 8, 16, 32, 60, 60] {
            tries.wrong(ANN, now);
            let wait = tries.wait(&ANN, now).unwrap();
            assert_eq!(wait.as_secs(), wanted);
            assert_eq!(tries.wait(&[2; 32], now), None, "another name");
            now += wait;
            assert_eq!(tries.wait(&ANN, now), None);
        }
        tries.right(&ANN);
        tries.wrong(ANN, now);
        assert_eq!(tries.wait(&ANN, now), None);
    }

    #[test]
    fn wrong_ones_that_are_far_apart_are_no_row() {
        let begun = Instant::now();
        let mut tries = Tries::default();
        for minute in 0..20 {
            tries.wrong(ANN, after(minute * 16, begun));
            assert_eq!(
                tries.wait(&ANN, after(minute * 16, begun)),
                None,
                "{minute}"
            );
        }
    }

    #[test]
    fn so_many_names_are_counted_and_no_more() {
        let begun = Instant::now();
        let mut tries = Tries::default();
        for number in 0..MOST + 10 {
            let mut who = [0; 32];
            who[..8].copy_from_slice(&number.to_le_bytes());
            tries.wrong(who, begun);
        }
        assert_eq!(tries.0.len(), MOST);
    }
}
