//! Annals, a contact-history server.
//!
//! The modules:
//!
//! * [`domain`] – the terms and rules. It depends on no other module.
//! * [`store`] – every write (commands, committed in groups), the journal, and every read. It
//!   depends on `domain`.
//! * [`api`] – the native HTTP surface. A surface translates and formats; it holds no rules.
//! * [`compat`] – surfaces for existing clients, each a translation.
//! * [`json`] – reads JSON input, the same way everywhere. It depends on `domain`.
//! * [`web`] – what the surfaces share: the parts of a running server, and access control.
//! * [`feed`] – readers that follow the journal live. It depends on `domain` and `store`.
//! * [`reports`] – history in columns, which follow the journal, and the questions that they answer.
//! * [`import`], [`archive`] – history in and out. [`demo`] – an invented contact centre. All use
//!   commands and queries.
//! * [`server`] – starting, serving, stopping. [`config`] – settings. [`telemetry`] – logs and
//!   metrics. [`cli`] – the commands of the binary.
//!
//! `docs/architecture.md` describes how a request passes through them.

pub mod api;
pub mod archive;
pub mod cli;
pub mod compat;
pub mod config;
pub mod demo;
pub mod domain;
pub mod feed;
pub mod import;
pub mod json;
pub mod reports;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod web;

/// Rows are allocated on the thread of a connection and freed on the thread that answers. The
/// system's allocator makes the two wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
