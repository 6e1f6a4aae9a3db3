//! The test suite: one binary, with files that mirror the surfaces, and every store test on SQLite
//! and on Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod support;

mod api_access;
mod api_changes;
mod api_contacts;
mod api_finding;
mod api_interactions;
mod api_user_data;
mod archive;
mod contacts_finding;
mod contacts_identity;
mod discretion;
mod door_encoding;
mod door_json;
mod door_streams;
mod door_times;
mod durability;
mod engagement_links;
mod engagements;
mod erasure;
mod failing;
mod finding_lists_and_words;
mod gws_bayeux;
mod gws_cometd;
mod gws_history;
mod gws_notify;
mod gws_operations;
mod gws_reading;
mod gws_requirements;
mod gws_sessions;
mod gws_sign_in;
mod gws_spelling;
mod importing;
mod indexed_attributes;
mod journal_telling;
mod long_work;
mod migrating;
mod openapi;
mod openapi_bounds;
mod operating;
mod plans;
mod pooling;
mod properties;
mod readme;
mod recording_entries;
mod reports_sql;
mod tokens;
mod web_actions;
mod web_actions_browser;
mod web_actions_ingest;
mod web_actions_merging;
mod web_actions_report;
mod webhooks;
