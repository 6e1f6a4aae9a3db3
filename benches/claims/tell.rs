//! What is printed, and where the figures of the machine come from.

use std::time::Duration;

/// Names the machine and the versions.
pub fn machine() {
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
    println!("annals    {}", env!("CARGO_PKG_VERSION"));
}

/// Prints a ratio beside its limit.
pub fn claim(what: &str, ratio: f64, limit: &str, kept: bool) {
    println!(
        "claim     {what}: {ratio:.2} (limit {limit}) {}",
        if kept { "kept" } else { "BROKEN" }
    );
}

/// The middle one of several figures.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The processor time that this process has used, all threads together.
pub fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    // USER_HZ is 100 wherever Linux runs
    Duration::from_millis(ticks * 10)
}
