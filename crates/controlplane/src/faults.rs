//! The Kubernetes API as the fault surface: what goes wrong between one client and one resource.
//!
//! Faults below the API (partitions, pauses, crashes, clocks) belong to [`sim`]; these are the ones that only make
//! sense above it. They are switched by the scenario through [`Faults`], and asked by the API server's processes.

use object::Text;
use std::time::Duration;
use store::Snapshot;

/// Names one client's view of one resource; `*` stands for any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The process the client lives in, such as `kube-controller-manager-0`; `*` for all.
    pub client: Text,
    /// The resource's plural with its group, such as `pods` or `replicasets.apps`; `*` for all.
    pub resource: Text,
}

impl Target {
    /// Names the target.
    pub fn new(client: &str, resource: &str) -> Self {
        Self { client: client.into(), resource: resource.into() }
    }

    fn covers(&self, client: &str, resource: &str) -> bool {
        (&*self.client == "*" || *self.client == *client)
            && (&*self.resource == "*" || *self.resource == *resource)
    }
}

/// What a client whose watch is paused sees when its reflector lists again; what else it asks is answered as ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relist {
    /// The state at which the watch was paused, as from a cache that stands still.
    Frozen,
    /// The present state: the relist heals what the pause hid.
    Fresh,
}

/// One fault at the API, in force from when it is added until it is removed.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Events and bookmarks are held back, across reconnects, below the connection's health check.
    PauseWatch {
        /// Whose watch.
        target: Target,
        /// What a relist shows meanwhile.
        relist: Relist,
    },
    /// Each event arrives this much later.
    DelayWatch {
        /// Whose watch.
        target: Target,
        /// The delay.
        delay: Duration,
    },
    /// Bookmarks do not arrive.
    DropBookmarks {
        /// Whose watch.
        target: Target,
    },
    /// Every watch that is open when the fault begins ends, within a second or so, with all that was on its way.
    CloseWatch {
        /// Whose watch.
        target: Target,
    },
    /// Watches from a revision are answered 410.
    ExpireWatch {
        /// Whose watch.
        target: Target,
    },
    /// An API server's own cache of a resource lags behind etcd; the target's client is the server's process.
    LagCache {
        /// Which server, and which resource.
        target: Target,
        /// The lag.
        lag: Duration,
    },
    /// A write is carried out and its answer lost.
    LoseResponse {
        /// Whose write.
        target: Target,
        /// Out of a million.
        ppm: u64,
    },
    /// A request is answered with an error and not carried out.
    Refuse {
        /// Whose request.
        target: Target,
        /// Which verb, `*` for any.
        verb: Text,
        /// The HTTP status: 409, 429, 500, 503, 504.
        code: u16,
        /// Out of a million.
        ppm: u64,
    },
}

impl Fault {
    /// Gives the target.
    pub fn target(&self) -> &Target {
        match self {
            Self::PauseWatch { target, .. }
            | Self::DelayWatch { target, .. }
            | Self::DropBookmarks { target }
            | Self::CloseWatch { target }
            | Self::ExpireWatch { target }
            | Self::LagCache { target, .. }
            | Self::LoseResponse { target, .. }
            | Self::Refuse { target, .. } => target,
        }
    }
}

/// Names a fault in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(u64);

struct Active {
    id: FaultId,
    fault: Fault,
    /// The state when the fault began: what a frozen relist shows.
    since: Snapshot,
    fired: u64,
}

/// The faults in force, and how often each one mattered.
#[derive(Default)]
pub struct Faults {
    active: Vec<Active>,
    finished: Vec<(FaultId, u64)>,
    next: u64,
    /// A deliberate error: faults on one watch of a client hold for all of them.
    pub(crate) one_lag_for_all: bool,
}

/// The most faults that may be in force at once.
pub const FAULTS_MAX: usize = 1024;

impl Faults {
    /// Puts a fault in force.
    pub fn add(&mut self, fault: Fault, state: Snapshot) -> FaultId {
        assert!(self.active.len() < FAULTS_MAX, "more than {FAULTS_MAX} faults at once");
        self.next += 1;
        let id = FaultId(self.next);
        self.active.push(Active { id, fault, since: state, fired: 0 });
        id
    }

    /// Ends a fault.
    pub fn remove(&mut self, id: FaultId) {
        if let Some(at) = self.active.iter().position(|a| a.id == id) {
            let gone = self.active.remove(at);
            self.finished.push((gone.id, gone.fired));
        }
    }

    /// Ends every fault.
    pub fn clear(&mut self) {
        for gone in self.active.drain(..) {
            self.finished.push((gone.id, gone.fired));
        }
    }

    /// Tells how often a fault mattered, while in force or after: a fault that never fired proves nothing.
    pub fn fired(&self, id: FaultId) -> u64 {
        let active = self.active.iter().find(|a| a.id == id).map(|a| a.fired);
        active.or_else(|| self.finished.iter().find(|f| f.0 == id).map(|f| f.1)).unwrap_or(0)
    }

    fn covers(&self, active: &Active, client: &str, resource: &str) -> bool {
        let target = active.fault.target();
        target.covers(client, resource) || (self.one_lag_for_all && *target.client == *client)
    }

    fn find<T>(&mut self, client: &str, resource: &str, pick: impl Fn(&Active) -> Option<T>) -> Option<T> {
        let hit = self.active.iter().enumerate().find_map(|(at, active)| {
            let picked = self.covers(active, client, resource).then(|| pick(active)).flatten();
            picked.map(|value| (at, value))
        });
        hit.map(|(at, value)| {
            self.active[at].fired += 1;
            value
        })
    }

    /// Tells whether a watch is paused, without counting it as fired.
    pub fn is_paused(&self, client: &str, resource: &str) -> bool {
        self.active
            .iter()
            .any(|a| matches!(a.fault, Fault::PauseWatch { .. }) && self.covers(a, client, resource))
    }

    /// Counts an event that a pause held back.
    pub fn held(&mut self, client: &str, resource: &str) {
        self.find(client, resource, |a| matches!(a.fault, Fault::PauseWatch { .. }).then_some(()));
    }

    /// Gives the state that a relist of a paused watch is frozen at.
    pub fn frozen(&mut self, client: &str, resource: &str) -> Option<Snapshot> {
        self.find(client, resource, |a| match a.fault {
            Fault::PauseWatch { relist: Relist::Frozen, .. } => Some(a.since.clone()),
            _ => None,
        })
    }

    /// Gives the delay of a watch's events.
    pub fn delay(&mut self, client: &str, resource: &str) -> Option<Duration> {
        self.find(client, resource, |a| match a.fault {
            Fault::DelayWatch { delay, .. } => Some(delay),
            _ => None,
        })
    }

    /// Gives the lag of an API server's cache.
    pub fn cache_lag(&mut self, server: &str, resource: &str) -> Option<Duration> {
        self.find(server, resource, |a| match a.fault {
            Fault::LagCache { lag, .. } => Some(lag),
            _ => None,
        })
    }

    /// Tells whether a bookmark is to be dropped.
    pub fn drops_bookmark(&mut self, client: &str, resource: &str) -> bool {
        self.find(client, resource, |a| matches!(a.fault, Fault::DropBookmarks { .. }).then_some(()))
            .is_some()
    }

    /// Gives the newest fault, in force or not: what came before a watch does not close it.
    pub(crate) fn newest(&self) -> FaultId {
        FaultId(self.next)
    }

    /// Tells whether a watch that was opened when `born` was the newest fault is to end.
    pub(crate) fn closes_watch(&mut self, client: &str, resource: &str, born: FaultId) -> bool {
        let closes = |a: &Active| matches!(a.fault, Fault::CloseWatch { .. }) && a.id > born;
        self.find(client, resource, |a| closes(a).then_some(())).is_some()
    }

    /// Tells whether a watch from a revision is to be answered 410.
    pub fn expires_watch(&mut self, client: &str, resource: &str) -> bool {
        self.find(client, resource, |a| matches!(a.fault, Fault::ExpireWatch { .. }).then_some(())).is_some()
    }

    /// Tells whether a write's answer is to be lost; `draw` gives a number below its argument.
    pub fn loses_response(&mut self, client: &str, resource: &str, draw: impl Fn(u64) -> u64) -> bool {
        self.find(client, resource, |a| match a.fault {
            Fault::LoseResponse { ppm, .. } => (draw(1_000_000) < ppm).then_some(()),
            _ => None,
        })
        .is_some()
    }

    /// Gives the status with which a request is to be refused; `draw` gives a number below its argument.
    pub fn refuses(
        &mut self,
        client: &str,
        resource: &str,
        verb: &str,
        draw: impl Fn(u64) -> u64,
    ) -> Option<u16> {
        self.find(client, resource, |a| match &a.fault {
            Fault::Refuse { verb: which, code, ppm, .. } if &**which == "*" || **which == *verb => {
                (draw(1_000_000) < *ppm).then_some(*code)
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_matters_is_counted_and_one_that_does_not_is_not() {
        let mut faults = Faults::default();
        let pods = faults.add(
            Fault::PauseWatch { target: Target::new("kcm", "pods"), relist: Relist::Frozen },
            Snapshot::empty(),
        );
        let nodes = faults.add(Fault::DropBookmarks { target: Target::new("*", "nodes") }, Snapshot::empty());
        assert!(faults.is_paused("kcm", "pods"));
        assert!(!faults.is_paused("kcm", "replicasets.apps"));
        assert!(faults.frozen("kcm", "pods").is_some());
        faults.clear();
        assert_eq!((faults.fired(pods), faults.fired(nodes)), (1, 0));
        assert!(!faults.is_paused("kcm", "pods"));
    }
}
