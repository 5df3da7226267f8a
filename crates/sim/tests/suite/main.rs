//! What users of the kernel rely on, seen from outside.

mod common;
mod network;
