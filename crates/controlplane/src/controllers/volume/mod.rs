//! The controllers of claims and volumes: attaching, binding and protection.

mod attach;
mod binder;
mod protection;

pub(crate) use attach::MANAGED as MANAGED_ATTACH;
pub(super) use attach::run as run_attach_detach;
pub(super) use binder::run as run_binder;
pub(super) use protection::{run_claims as run_claim_protection, run_volumes as run_volume_protection};
