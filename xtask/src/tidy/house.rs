//! The plan of the house: which crate may use which, and who may touch the outside world.
//!
//! Rooms stand in the order in which they build on each other: a room uses only rooms above it in the table. A crate
//! gets its row together with its first code; a room that does not exist yet costs nothing here and says where it
//! will stand.

/// One crate of the house.
#[derive(Debug)]
pub(crate) struct Room {
    /// The folder under `crates/`.
    pub name: &'static str,
    /// Whether it may touch time, threads, files, the network and an async runtime.
    pub edge: bool,
    /// The rooms it may depend on, floor by floor.
    may_use: Floors,
    /// Why it ends there, in the words with which a forbidden edge is refused.
    pub rule: &'static str,
}

impl Room {
    /// Gives the rooms it may depend on.
    pub(crate) fn may_use(&self) -> impl Iterator<Item = &'static str> {
        self.may_use.iter().copied().flatten().copied()
    }
}

/// Floors of the house.
type Floors = &'static [&'static [&'static str]];

const fn core(name: &'static str, may_use: Floors, rule: &'static str) -> Room {
    Room { name, edge: false, may_use, rule }
}

const fn edge(name: &'static str, may_use: Floors, rule: &'static str) -> Room {
    Room { name, edge: true, may_use, rule }
}

/// The rooms that hold objects, with their rules, without a process or a clock.
const DATA: &[&str] = &["object", "schema", "patch", "store", "view"];

/// Kubernetes on the kernel.
const SIMULATION: &[&str] = &["apiserver", "sim", "controlplane"];

/// The rooms that judge and tell.
const JUDGEMENT: &[&str] = &["property", "explore", "report", "checks"];

/// The edges that bring clusters in, change and test them.
const WORK: &[&str] = &["guest", "source", "copy", "rehearse", "workflow", "serve"];

/// Every room, each using only rooms above it.
pub(crate) const ROOMS: &[Room] = &[
    core("object", &[], "the tree knows no Kubernetes kind and no other crate"),
    core("schema", &[&["object"]], "tables about kinds need only the tree"),
    core("patch", &[&["object", "schema"]], "a patch changes a tree by a schema and knows no storage"),
    core("store", &[&["object"]], "storage keeps trees and knows no API"),
    core("view", &[&["object", "store"]], "a view is a snapshot with indexes, wherever it came from"),
    core(
        "apiserver",
        &[&["object", "schema", "patch", "store"]],
        "the request machine has no input, output or clock",
    ),
    core("sim", &[], "the kernel knows nothing of Kubernetes"),
    core(
        "controlplane",
        &[DATA, &["apiserver", "sim"]],
        "the control plane is apiserver on sim and does not know who judges or drives it",
    ),
    core(
        "property",
        &[&["object", "schema", "store", "view"]],
        "a rule sees views only, never where they came from",
    ),
    core(
        "explore",
        &[DATA, SIMULATION, &["property"]],
        "a campaign drives the control plane and asks properties; it shows nothing",
    ),
    core("report", &[&["object"]], "the result model is the one stable format and knows nobody who fills it"),
    core(
        "checks",
        &[&["object", "schema", "store", "view", "property", "report"]],
        "a check is a rule over a view and never knows where it runs",
    ),
    core(
        "trial",
        &[DATA, SIMULATION, JUDGEMENT],
        "the trial composes chapters of the other crates and opens no source itself",
    ),
    edge("testkit", &[], "test support builds on nothing of the product, so that everything can use it"),
    edge(
        "guest",
        &[DATA, SIMULATION],
        "a guest is a process of the control plane and is judged by nobody here",
    ),
    edge("source", &[DATA], "a source makes views and knows nothing of what is done with them"),
    edge(
        "copy",
        &[DATA, &["report", "source"]],
        "a copy reads and writes clusters and archives and runs no simulation",
    ),
    edge(
        "rehearse",
        &[DATA, SIMULATION, JUDGEMENT, &["source", "copy"]],
        "a rehearsal composes copies, checks and simulations",
    ),
    edge(
        "workflow",
        &[&["object", "view", "property", "report", "source"]],
        "workflows run tests, not simulations",
    ),
    edge(
        "serve",
        &[DATA, SIMULATION, JUDGEMENT, &["source", "workflow"]],
        "the front serves what the core computes",
    ),
    edge(
        "operator",
        &[DATA, SIMULATION, JUDGEMENT, &["trial"], WORK],
        "the operator is the in-cluster mode of the same crates",
    ),
    edge(
        "bench",
        &[DATA, SIMULATION, JUDGEMENT, &["trial"]],
        "comparisons with other simulators measure the core and are used by nobody",
    ),
    edge(
        "cli",
        &[DATA, SIMULATION, JUDGEMENT, &["trial"], WORK, &["operator"]],
        "the binary stands on top; nothing depends on it",
    ),
    edge("xtask", &[DATA, &["apiserver"]], "the workshop reads the product's tables and is used by nobody"),
];

/// Crates from the registry that nothing below the edges may reach, by itself or through another crate.
///
/// A name that ends in `-` stands for every crate whose name starts so.
pub(crate) const OUTSIDE_WORLD: &[(&str, &str)] = &[
    ("tokio", "an async runtime with its own clock and order"),
    ("tokio-", "part of tokio"),
    ("async-std", "an async runtime with its own clock and order"),
    ("smol", "an async runtime with its own clock and order"),
    ("kube", "a client of live clusters"),
    ("kube-", "a client of live clusters"),
    ("k8s-openapi", "typed objects belong to the edges"),
    ("hyper", "the network"),
    ("hyper-", "the network"),
    ("reqwest", "the network"),
    ("mio", "the network"),
    ("socket2", "the network"),
    ("rustls", "the network"),
    ("clap", "the command line"),
    ("indicatif", "the terminal"),
    ("rand", "randomness that is not keyed by the seed"),
    ("getrandom", "the operating system's randomness"),
    ("fastrand", "randomness that is not keyed by the seed"),
    ("rayon", "threads"),
    ("tempfile", "the file system"),
    ("walkdir", "the file system"),
];

/// Modules of core crates that are edges themselves: the file, the one thing it may name, and why.
pub(crate) const EDGE_MODULES: &[(&str, &str, &str)] = &[(
    "crates/explore/src/campaign.rs",
    "std::thread",
    "the runner of many seeds uses all cores; each run is one thread and knows nothing of the others",
)];

/// Gives the row of a crate.
pub(crate) fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// Gives the reason why nothing below the edges may use this crate, if there is one.
pub(crate) fn outside_world(name: &str) -> Option<&'static str> {
    let hits = |banned: &str| if banned.ends_with('-') { name.starts_with(banned) } else { name == banned };
    OUTSIDE_WORLD.iter().find(|(banned, _)| hits(banned)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_use_only_what_stands_above_them_and_core_never_uses_an_edge() {
        for (at, room) in ROOMS.iter().enumerate() {
            for used in room.may_use() {
                let above = ROOMS[..at].iter().find(|other| other.name == used);
                let above =
                    above.unwrap_or_else(|| panic!("{} uses {used}, which is not above it", room.name));
                assert!(room.edge || !above.edge, "{} is core and uses the edge {used}", room.name);
            }
        }
    }

    #[test]
    fn the_outside_world_is_known_by_whole_names_and_families() {
        for (name, banned) in [
            ("tokio", true),
            ("tokio-util", true),
            ("rand", true),
            ("rand_core", false),
            ("kubernetes-x", false),
        ] {
            assert_eq!(outside_world(name).is_some(), banned, "{name}");
        }
    }
}
