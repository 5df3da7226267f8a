//! What listens on the pods' addresses. Kubelets write it, for they start and stop the containers.

use crate::machinery::ObjectKey;
use object::Text;
use sim::Instant;
use std::collections::BTreeMap;

/// One container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The container's name.
    pub container: Text,
    /// The ports it declares; one that declares none is taken to listen on all.
    pub ports: Vec<i64>,
    /// From when it answers; none if it never will.
    pub from: Option<Instant>,
}

/// What is behind one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The pod.
    pub pod: ObjectKey,
    /// The node the pod runs on.
    pub node: Text,
    /// Its containers that run.
    pub listeners: Vec<Listener>,
}

/// The addresses of all pods that are there.
#[derive(Clone, Debug, Default)]
pub struct Sockets(BTreeMap<Text, Socket>);

impl Sockets {
    /// Says what is behind an address from now on.
    pub fn put(&mut self, address: &str, socket: Socket) {
        match self.0.get_mut(address) {
            Some(known) if *known == socket => {}
            Some(known) => *known = socket,
            None => {
                self.0.insert(address.into(), socket);
            }
        }
    }

    /// Says that nothing is behind an address any more, unless another pod has it by now.
    pub fn remove(&mut self, address: &str, pod: &ObjectKey) {
        if self.0.get(address).is_some_and(|socket| socket.pod == *pod) {
            self.0.remove(address);
        }
    }

    /// Gives what is behind an address.
    pub fn get(&self, address: &str) -> Option<&Socket> {
        self.0.get(address)
    }
}
