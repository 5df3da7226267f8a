//! Leader election over a Lease (client-go `tools/leaderelection`).
//!
//! A lease is judged by when its change was *observed*, on the observer's own clock, never by the times written in it.

use super::{ApiError, Client};
use crate::constants::{LEASE_DURATION, LEASE_JITTER, RENEW_DEADLINE, RETRY_PERIOD};
use crate::kinds::LEASES;
use object::{ObjectExt, Text, Time, Value, value};
use sim::{Ctx, Instant};
use std::rc::Rc;

/// Whom and what an election is about.
#[derive(Clone, Debug)]
pub struct Election {
    /// The lease's name in `kube-system`, such as `kube-controller-manager`.
    pub lease: Text,
    /// The candidate's identity.
    pub identity: Text,
}

/// One candidate.
pub struct LeaderElector {
    ctx: Ctx,
    client: Rc<Client>,
    election: Election,
    observed: Value,
    observed_at: Instant,
}

impl LeaderElector {
    /// Makes a candidate. The client's timeout must be half the renew deadline, as upstream sets it.
    pub fn new(ctx: &Ctx, client: &Rc<Client>, election: Election) -> Self {
        Self {
            ctx: ctx.clone(),
            client: client.clone(),
            election,
            observed: Value::Null,
            observed_at: ctx.now(),
        }
    }

    /// Waits until this candidate leads.
    pub async fn acquire(&mut self) {
        loop {
            if self.try_acquire_or_renew().await {
                self.ctx.trace("leading", &self.election.identity, String::new);
                return;
            }
            let most = RETRY_PERIOD.mul_f64(1.0 + LEASE_JITTER);
            let wait =
                self.ctx.choose_duration("election-retry", &self.election.identity, RETRY_PERIOD, most);
            self.ctx.sleep(wait).await;
        }
    }

    /// Renews until that has failed for the whole renew deadline; then this candidate no longer leads.
    pub async fn renew(&mut self) {
        loop {
            let deadline = self.ctx.now() + RENEW_DEADLINE;
            loop {
                let left = deadline.since(self.ctx.now());
                let ctx = self.ctx.clone();
                match ctx.timeout(left, self.try_acquire_or_renew()).await {
                    Ok(true) => break,
                    Ok(false) if self.ctx.now() + RETRY_PERIOD < deadline => {
                        self.ctx.sleep(RETRY_PERIOD).await;
                    }
                    Ok(false) | Err(_) => {
                        self.ctx.trace("lost-lease", &self.election.identity, String::new);
                        return;
                    }
                }
            }
            self.ctx.sleep(RETRY_PERIOD).await;
        }
    }

    async fn try_acquire_or_renew(&mut self) -> bool {
        match self.attempt().await {
            Ok(leads) => leads,
            Err(error) => {
                self.ctx.trace("election-failed", &self.election.identity, || error.to_string());
                false
            }
        }
    }

    async fn attempt(&mut self) -> Result<bool, ApiError> {
        let now = Time::from_nanos(self.ctx.wall());
        let lease = match self.client.get(&LEASES, "kube-system", &self.election.lease).await {
            Ok(lease) => lease,
            Err(error) if error.is_not_found() => {
                let mut lease = value!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": &self.election.lease, "namespace": "kube-system"},
                });
                self.write_record(&mut lease, now, true);
                let created = self.client.create(&LEASES, &lease).await?;
                self.observe(created);
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        if lease["spec"] != self.observed["spec"] {
            self.observe(lease.clone());
        }
        let holder = lease["spec"]["holderIdentity"].str();
        let is_mine = holder == &*self.election.identity;
        let is_held = !holder.is_empty() && self.observed_at + LEASE_DURATION > self.ctx.now();
        if is_held && !is_mine {
            return Ok(false);
        }
        let mut next = lease;
        self.write_record(&mut next, now, !is_mine);
        let updated = self.client.update(&LEASES, &next).await?;
        self.observe(updated);
        Ok(true)
    }

    fn write_record(&self, lease: &mut Value, now: Time, changes_hands: bool) {
        if changes_hands {
            let transitions = lease["spec"]["leaseTransitions"].as_i64();
            lease.set(&["spec", "leaseTransitions"], transitions.map_or(0, |n| n + 1));
            lease.set(&["spec", "acquireTime"], now.rfc3339_micros());
            lease.set(&["spec", "holderIdentity"], &self.election.identity);
        }
        lease.set(&["spec", "leaseDurationSeconds"], LEASE_DURATION.as_secs());
        lease.set(&["spec", "renewTime"], now.rfc3339_micros());
        debug_assert!(!lease.name().is_empty(), "a lease has a name");
    }

    fn observe(&mut self, lease: Value) {
        self.observed = lease;
        self.observed_at = self.ctx.now();
    }
}
