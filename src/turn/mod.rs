//! Turns: one prompt and its answer.

pub(crate) mod turnq;
