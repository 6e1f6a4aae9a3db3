//! What the feed counts about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of the clients that listen, and of webhooks; shown at `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// Sessions held here.
    pub sessions: Gauge,
    /// Messages handed to sessions.
    pub messages: Counter,
    /// Messages sent, those that are sent again included.
    pub sent: Counter,
    /// Times that a session had as many messages waiting as may, and was left to read up from the journal.
    pub behind: Counter,
    /// Sessions ended because they were too far behind.
    pub overflows: Counter,
    /// Deliveries to webhooks that were taken.
    pub delivered: Counter,
    /// Attempts to deliver that failed.
    pub failed: Counter,
    /// Deliveries that were given up.
    pub dead: Counter,
    /// Deliveries that wait for another attempt.
    pub waiting: Gauge,
}

impl Meters {
    /// Makes the counters known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "annals_client_sessions",
            "Sessions of clients that listen, held here",
            self.sessions.clone(),
        );
        registry.register(
            "annals_client_messages",
            "Messages handed to sessions",
            self.messages.clone(),
        );
        registry.register(
            "annals_client_messages_sent",
            "Messages sent to clients, those sent again included",
            self.sent.clone(),
        );
        registry.register(
            "annals_client_behind",
            "Times that a session was left to read up from the journal",
            self.behind.clone(),
        );
        registry.register(
            "annals_client_overflows",
            "Sessions ended because they were too far behind",
            self.overflows.clone(),
        );
        registry.register(
            "annals_webhook_delivered",
            "Deliveries to webhooks that were taken",
            self.delivered.clone(),
        );
        registry.register(
            "annals_webhook_failed",
            "Attempts to deliver to webhooks that failed",
            self.failed.clone(),
        );
        registry.register(
            "annals_webhook_dead",
            "Deliveries to webhooks that were given up",
            self.dead.clone(),
        );
        registry.register(
            "annals_webhook_waiting",
            "Deliveries that wait for another attempt, of the webhooks that this server sends to",
            self.waiting.clone(),
        );
    }
}
