//! Annals, a contact-history server.
//!
//! The map of the house:
//!
//! * [`domain`] – what the words mean. It knows nobody.
//! * [`store`] – the one door in (commands, committed in groups), the one journal out, and every read. It knows `domain`.
//! * `api` – the native HTTP surface. A surface translates and formats; it holds no rules.
//!
//! A request's walk through the house is told in `docs/architecture.md`.

pub mod demo;
pub mod domain;
pub mod import;
pub mod store;
