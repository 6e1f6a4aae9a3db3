//! Surfaces for existing clients. Each translates its protocol to the same commands and queries as
//! the native surface.

pub mod gws;
