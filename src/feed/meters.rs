//! Metrics of the feed.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of notified clients and webhooks, shown at `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// Sessions on this server.
    pub sessions: Gauge,
    /// Messages queued for sessions.
    pub messages: Counter,
    /// Messages sent, including repeated ones.
    pub sent: Counter,
    /// How often a session's queue was full and the session had to catch up from the journal.
    pub behind: Counter,
    /// Sessions ended because they lagged too far behind.
    pub overflows: Counter,
    /// Webhook deliveries that receivers accepted.
    pub delivered: Counter,
    /// Failed delivery attempts.
    pub failed: Counter,
    /// Deliveries that became dead letters.
    pub dead: Counter,
    /// Deliveries that wait for another attempt.
    pub waiting: Gauge,
}

impl Meters {
    /// Registers the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "annals_client_sessions",
            "Sessions of notified clients on this server",
            self.sessions.clone(),
        );
        registry.register(
            "annals_client_messages",
            "Messages queued for sessions",
            self.messages.clone(),
        );
        registry.register(
            "annals_client_messages_sent",
            "Messages sent to clients, including repeated ones",
            self.sent.clone(),
        );
        registry.register(
            "annals_client_behind",
            "Times that a session fell behind and had to catch up from the journal",
            self.behind.clone(),
        );
        registry.register(
            "annals_client_overflows",
            "Sessions ended because they lagged too far behind",
            self.overflows.clone(),
        );
        registry.register(
            "annals_webhook_delivered",
            "Webhook deliveries that receivers accepted",
            self.delivered.clone(),
        );
        registry.register(
            "annals_webhook_failed",
            "Webhook delivery attempts that failed",
            self.failed.clone(),
        );
        registry.register(
            "annals_webhook_dead",
            "Webhook deliveries that became dead letters",
            self.dead.clone(),
        );
        registry.register(
            "annals_webhook_waiting",
            "Deliveries that wait for another attempt, of the webhooks that this server sends to",
            self.waiting.clone(),
        );
    }
}
