//! The terms and rules of contact history.
//!
//! Nothing here depends on a database, a protocol, the wall clock or a source of randomness; those
//! are parameters. Start with [`interaction`] and [`user_data`]. [`command`] lists every write,
//! [`filter`] every query, [`change`] every entry of the journal.

pub mod address;
pub mod archive;
pub mod change;
pub mod client;
pub mod command;
pub mod contact;
pub mod filter;
pub mod id;
pub mod interaction;
pub mod limits;
pub mod moment;
pub mod period;
pub mod person;
pub mod propagation;
pub mod redaction;
pub mod refusal;
pub mod requirement;
pub mod schema;
pub mod transcript;
pub mod user_data;
pub mod web_action;
pub mod webhook;
pub mod words;

pub use moment::{Clock, Moment};
pub use refusal::{Fault, Refusal};
pub use requirement::Requirement;
