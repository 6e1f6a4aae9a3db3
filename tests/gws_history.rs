//! Contact history over Web Services v2.
