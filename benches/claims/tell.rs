//! Prints the results and the properties of the machine.

use std::time::Duration;

use sqlx::Connection;

/// Prints the machine and the versions.
pub async fn machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split(':').nth(1)?.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "machine   {cpu}, {cores} cores, {} {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let sqlite = match sqlx::SqliteConnection::connect("sqlite::memory:").await {
        Ok(mut conn) => sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut conn)
            .await
            .unwrap_or_default(),
        Err(_) => String::new(),
    };
    println!(
        "versions  annals {}, SQLite {sqlite}, write-ahead log, synchronous = FULL",
        env!("CARGO_PKG_VERSION")
    );
}

/// Prints a ratio next to its limit.
pub fn claim(what: &str, ratio: f64, limit: &str, kept: bool) {
    println!(
        "claim     {what}: {ratio:.2} (limit {limit}) {}",
        if kept { "kept" } else { "BROKEN" }
    );
}

/// The median.
pub fn median(figures: &[f64]) -> f64 {
    fraction(figures, 0.5)
}

/// The quantile for a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list"
)]
pub fn fraction(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * part) as usize;
    sorted
        .get(place.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// A count per duration, as a rate per second.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The processor time that a process has used, over all threads; `self` is this process.
pub fn processor_time(process: &str) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let ticks: u64 = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux
    Duration::from_millis(ticks * 10)
}
