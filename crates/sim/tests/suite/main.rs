//! What users of the kernel rely on, seen from outside.

mod chaos;
mod choices;
mod common;
mod determinism;
mod diagnosis;
mod network;
mod processes;
mod schedules;
mod sync;
mod voyage;
