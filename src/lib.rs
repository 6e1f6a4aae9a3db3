//! Annals, a contact-history server.
//!
//! The map of the house:
//!
//! * [`domain`] – what the words mean. It knows nobody.
//! * [`store`] – the one door in (commands, committed in groups), the one journal out, and every read. It knows `domain`.
//! * [`api`] – the native HTTP surface. A surface translates and formats; it holds no rules.
//! * [`compat`] – surfaces for clients that exist, each a translation.
//! * [`json`] – how JSON from outside is read, the same everywhere. It knows `domain`.
//! * [`web`] – what the surfaces share: the parts of a running server, who may come in.
//! * [`feed`] – readers of the journal that follow it live. It knows both.
//! * [`import`], [`archive`] – history in and out. [`demo`] – an invented contact centre. All by commands and queries, like everybody else.
//! * [`server`] – a server's life. [`config`] – its settings. [`telemetry`] – its logs and figures. [`cli`] – the commands of the binary.
//!
//! A request's walk through the house is told in `docs/architecture.md`.

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
pub mod server;
pub mod store;
pub mod telemetry;
pub mod web;

/// Rows are made on the thread of a connection and freed on the thread that answers: the system's allocator makes the two wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
