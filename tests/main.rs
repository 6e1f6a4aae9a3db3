//! The suite: one binary, files that mirror the surfaces, every store test on SQLite and on Postgres.

mod support;

mod api_access;
mod api_contacts;
mod api_finding;
mod api_interactions;
mod api_user_data;
mod durability;
mod engagements;
mod migrating;
mod properties;
mod readme;
