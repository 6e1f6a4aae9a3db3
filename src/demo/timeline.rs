//! When customers come: office hours in their time zone, weekends, good and bad days, and slight
//! growth.

use chrono::{Datelike, TimeDelta, Timelike, Weekday};

use super::countries::{COUNTRIES, Country};
use super::dice::Dice;
use crate::domain::Moment;

const HOUR: i64 = 3_600_000_000;
const HOURS_A_DAY: u64 = 24;
/// The shortest history: half a year, for a small contact centre.
const LEAST_DAYS: u64 = 182;
/// The number of interactions that fills it. With more, history reaches further back.
const FILL: u64 = 20_000;
/// The longest history: three years.
const MOST_DAYS: u64 = 1_095;

/// Walks through history from its first hour to its end.
pub struct Timeline {
    seed: u64,
    start: Moment,
    hours: u64,
    whole: u128,
    /// The current hour, the total weight before it, and its weights by country.
    hour: u64,
    before: u128,
    weights: [u64; COUNTRIES.len()],
}

/// One arrival.
pub struct Arrival {
    /// When.
    pub at: Moment,
    /// Index in [`COUNTRIES`].
    pub country: usize,
    /// Whether the contact centre is open there at this hour.
    pub open: bool,
}

impl Timeline {
    /// A history of this many interactions that ends at `until`.
    pub fn new(seed: u64, until: Moment, interactions: u64) -> Self {
        let days = (LEAST_DAYS.saturating_mul(interactions) / FILL).clamp(LEAST_DAYS, MOST_DAYS);
        let hours = days * HOURS_A_DAY;
        let span = i64::try_from(hours).unwrap_or(0).saturating_mul(HOUR);
        let mut timeline = Self {
            seed,
            start: until.plus_micros(-span),
            hours,
            whole: 0,
            hour: 0,
            before: 0,
            weights: [0; COUNTRIES.len()],
        };
        timeline.whole = (0..hours)
            .map(|hour| u128::from(timeline.weigh(hour).iter().sum::<u64>()))
            .sum();
        timeline.weights = timeline.weigh(0);
        timeline
    }

    /// Arrival number `done` of `all`; `done` must not decrease.
    pub fn arrival(&mut self, done: u64, all: u64, dice: &mut Dice) -> Arrival {
        let sought = self.whole * u128::from(done) / u128::from(all.max(1));
        let mut here = self.weight();
        while self.before + here <= sought && self.hour + 1 < self.hours {
            self.before += here;
            self.hour += 1;
            self.weights = self.weigh(self.hour);
            here = self.weight();
        }
        let into =
            i64::try_from((sought - self.before) * u128::from(HOUR.unsigned_abs()) / here.max(1))
                .unwrap_or(0)
                .min(HOUR - 1);
        let at = self.begin(self.hour).plus_micros(into / 1000 * 1000);
        let country = dice.weighted(self.weights.iter().copied());
        Arrival {
            at,
            country,
            open: is_open(&COUNTRIES[country], at),
        }
    }

    fn weight(&self) -> u128 {
        u128::from(self.weights.iter().sum::<u64>())
    }

    fn begin(&self, hour: u64) -> Moment {
        self.start
            .plus_micros(i64::try_from(hour).unwrap_or(0).saturating_mul(HOUR))
    }

    fn weigh(&self, hour: u64) -> [u64; COUNTRIES.len()] {
        let at = self.begin(hour);
        let growth = 80 + 40 * hour / self.hours.max(1);
        std::array::from_fn(|place| {
            let country = &COUNTRIES[place];
            let local = at.utc().with_timezone(&country.zone);
            let by_hour = match local.hour() {
                0..=5 => 2,
                6 | 7 | 22 | 23 => 12,
                8 | 18 => 60,
                9 | 13 | 17 => 90,
                10..=12 | 14..=16 => 110,
                _ => 35,
            };
            let by_day = match local.weekday() {
                Weekday::Mon => 120,
                Weekday::Sat => 35,
                Weekday::Sun => 20,
                _ => 100,
            };
            let day = u64::try_from(local.num_days_from_ce()).unwrap_or(0);
            let luck = 80
                + self
                    .seed
                    .wrapping_add(day)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    % 41;
            country.share * by_hour * by_day * growth * luck
        })
    }
}

/// Whether the contact centre is open at this hour: 8 to 18 on working days, local time.
pub fn is_open(country: &Country, at: Moment) -> bool {
    let local = at.utc().with_timezone(&country.zone);
    (8..18).contains(&local.hour()) && !matches!(local.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The moment itself if the contact centre is open then, else some time after it opens next.
pub fn when_open(country: &Country, at: Moment, dice: &mut Dice) -> Moment {
    if is_open(country, at) {
        return at;
    }
    let late = at.utc() + TimeDelta::minutes(dice.between(0, 90));
    let late = (0..96)
        .map(|hours| Moment::new(late + TimeDelta::hours(hours)))
        .find(|later| is_open(country, *later));
    late.unwrap_or(at)
}

/// The minutes between local time and UTC as browsers count them: negative east of Greenwich.
pub fn offset_minutes(country: &Country, at: Moment) -> i64 {
    let local = at.utc().with_timezone(&country.zone);
    at.utc()
        .naive_utc()
        .signed_duration_since(local.naive_local())
        .num_minutes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_go_forwards_from_start_to_end_and_prefer_office_hours() {
        let until = Moment::parse("2026-07-01T00:00:00Z").unwrap();
        let mut timeline = Timeline::new(3, until, 20_000);
        let start = timeline.start;
        let mut dice = Dice::new(3, 0);
        let arrivals: Vec<Arrival> = (0..5_000)
            .map(|done| timeline.arrival(done, 5_000, &mut dice))
            .collect();
        assert!(arrivals.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(arrivals[0].at.micros() - start.micros() < 24 * HOUR);
        let last = arrivals.last().unwrap().at;
        assert!(last < until && until.micros() - last.micros() < 24 * HOUR);
        let open = arrivals.iter().filter(|arrival| arrival.open).count();
        assert!(open > 3_000, "{open}");
    }

    #[test]
    fn the_offset_is_that_of_the_day() {
        let of = |time: &str| offset_minutes(&COUNTRIES[3], Moment::parse(time).unwrap());
        assert_eq!(of("2026-01-10T12:00:00Z"), -60);
        assert_eq!(of("2026-07-10T12:00:00Z"), -120);
    }
}
