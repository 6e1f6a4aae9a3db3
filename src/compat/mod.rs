//! APIs for existing clients. Each translates its protocol to the same commands and queries as the
//! native API.

pub mod gws;
