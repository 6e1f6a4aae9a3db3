//! Metrics of the writer.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Counters of the writer, shown at `/metrics`.
pub struct Meters {
    /// Commands that are queued or being committed.
    pub queued: Gauge,
    /// Commands refused because the queue was full.
    pub turned_away: Counter,
    /// Bytes of SQLite's write-ahead log.
    pub log_bytes: Gauge,
    /// Bytes of it that are not copied into the database file yet.
    pub log_left_bytes: Gauge,
    commands: Counter,
    group: Histogram,
    seconds: Histogram,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            queued: Gauge::default(),
            turned_away: Counter::default(),
            log_bytes: Gauge::default(),
            log_left_bytes: Gauge::default(),
            commands: Counter::default(),
            group: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
        }
    }
}

impl Meters {
    /// Registers the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "annals_writer_queue_commands",
            "Commands in the queue",
            self.queued.clone(),
        );
        registry.register(
            "annals_writer_turned_away_commands",
            "Commands refused because the queue was full",
            self.turned_away.clone(),
        );
        registry.register(
            "annals_writer_commands",
            "Commands committed or refused",
            self.commands.clone(),
        );
        registry.register(
            "annals_writer_group_commands",
            "Commands sharing one commit",
            self.group.clone(),
        );
        registry.register(
            "annals_writer_commit_seconds",
            "Time from taking a group to its durable commit",
            self.seconds.clone(),
        );
        registry.register(
            "annals_sqlite_log_bytes",
            "Size of SQLite's write-ahead log",
            self.log_bytes.clone(),
        );
        registry.register(
            "annals_sqlite_log_left_bytes",
            "Bytes of the write-ahead log not yet copied into the database file",
            self.log_left_bytes.clone(),
        );
    }

    /// Records a committed group.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a group has at most a thousand commands"
    )]
    pub fn committed(&self, commands: usize, took: Duration) {
        self.commands.inc_by(commands as u64);
        self.group.observe(commands as f64);
        self.seconds.observe(took.as_secs_f64());
    }
}
