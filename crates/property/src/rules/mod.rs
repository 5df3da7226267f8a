//! The first rules.

mod converge;
mod daemon;
mod identity;
mod orphans;
mod pod_count;
mod pods_bounded;
mod quiescent;
mod silent_nodes;
mod volume_nodes;
mod writes;

pub(crate) use converge::ReplicasConverge;
pub(crate) use daemon::OneDaemonPodPerNode;
pub(crate) use identity::OnePodPerIdentity;
pub(crate) use orphans::NoOrphans;
pub(crate) use pod_count::PodCount;
pub(crate) use pods_bounded::PodsBounded;
pub(crate) use quiescent::Quiescent;
pub(crate) use silent_nodes::SilentNodes;
pub(crate) use volume_nodes::OneNodePerVolume;
pub(crate) use writes::WritesBounded;

use crate::parameters::Arguments;

/// Which objects a rule judges.
#[derive(Debug, Default)]
struct Scope {
    namespace: String,
    name: String,
}

impl Scope {
    fn new(arguments: &Arguments) -> Self {
        Self { namespace: arguments.text("namespace"), name: arguments.text("name") }
    }

    fn covers(&self, namespace: &str, name: &str) -> bool {
        (self.namespace.is_empty() || self.namespace == namespace)
            && (self.name.is_empty() || self.name == name)
    }
}

/// Gives `1 pod` or `3 pods`.
fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
