//! The controllers of claims and volumes: binding and protection.

mod binder;
mod protection;

pub(super) use binder::run as run_binder;
pub(super) use protection::{run_claims as run_claim_protection, run_volumes as run_volume_protection};
