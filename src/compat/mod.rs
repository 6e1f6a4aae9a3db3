//! Surfaces for clients that exist: a translation each, on the same commands and queries as the native one.

pub mod gws;
