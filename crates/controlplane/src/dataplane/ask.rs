//! The questions that can be asked of a cluster at any moment, without disturbing it.

use super::agent::Role;
use super::answer::{Answer, Hop, Reach, Status};
use super::backends::{Fallback, behind, port, port_text};
use super::resolve::{Resolution, resolve};
use super::route;
use super::sockets::Socket;
use super::table::Table;
use crate::cluster::Cluster;
use crate::machinery::ObjectKey;
use object::{ObjectExt, Value, value};

impl Cluster {
    /// Tells what `GET https://HOST/PATH` from outside would be answered now, and why.
    ///
    /// An Ingress controller tries another endpoint when one fails, so one that answers is enough.
    pub fn get(&self, host: &str, path: &str) -> Answer {
        let Some(table) = self.table(Role::Ingress) else {
            return Answer::new(Status::Refused, vec![no_agent("an Ingress controller")]);
        };
        let Some(found) = route::find(table.served(), host, path) else {
            let said = format!("no rule for {host}{path}");
            return Answer::new(Status::NoRule, vec![Hop::new("IngressController", "", "", said)]);
        };
        let certificate = certificate(&table, found.ingress, host);
        let backend = &found.backend["service"];
        if backend.is_null() {
            let resource = &found.backend["resource"];
            let said = format!("{} → {} {}", found.rule, resource["kind"].str(), resource["name"].str());
            let chain = vec![Hop::of(found.ingress, said)];
            return Answer { certificate, ..Answer::new(Status::Outside, chain) };
        }
        let (name, wanted) = (backend["name"].str(), &backend["port"]);
        let said = format!("{} → Service {name}:{}", found.rule, port_text(wanted));
        let chain = vec![Hop::of(found.ingress, said)];
        let answer = self.pass_on(&table, found.ingress.namespace(), name, wanted, Fallback::None, chain);
        let status = match answer.status {
            Status::Refused => Status::BadGateway,
            Status::TimedOut => Status::GatewayTimeout,
            other => other,
        };
        Answer { status, certificate, ..answer }
    }

    /// Tells what a connection from a pod on a node to a Service's port would meet now, and why.
    ///
    /// A node's proxy draws one endpoint and does not try again: where only some of them answer, so do only as many of
    /// the connections as [`Answer::answering`] says.
    pub fn connect(&self, node: &str, namespace: &str, service: &str, number: i64) -> Answer {
        let Some(table) = self.table(|_| Role::Proxy(node.into())) else {
            return Answer::new(Status::TimedOut, vec![no_agent(&format!("a proxy on node {node}"))]);
        };
        let wanted = value!({"number": number});
        let answer = self.pass_on(&table, namespace, service, &wanted, Fallback::Terminating, Vec::new());
        // A proxy rejects what it has no endpoint for.
        let status = if answer.status == Status::NoEndpoint { Status::Refused } else { answer.status };
        Answer { status, ..answer }
    }

    /// Tells what the cluster's DNS would answer now for a full name, such as `web.shop.svc.cluster.local`.
    pub fn resolve(&self, name: &str) -> Option<Resolution> {
        self.table(Role::Dns).map(|table| resolve(&table, name))
    }

    /// Gives what the first agent of a role that runs has programmed.
    fn table(&self, role: impl Fn(usize) -> Role) -> Option<Table> {
        let plane = self.world.data_plane.borrow();
        let control = self.sim.control();
        (0..=plane.tables.len()).find_map(|number| {
            let process = role(number).process();
            let runs = control.find(&process).is_some_and(|id| control.is_running(id));
            plane.tables.get(process.as_str()).filter(|_| runs).cloned()
        })
    }

    fn pass_on(
        &self,
        table: &Table,
        namespace: &str,
        name: &str,
        wanted: &Value,
        fallback: Fallback,
        mut chain: Vec<Hop>,
    ) -> Answer {
        let Some(service) = table.service(namespace, name) else {
            chain.push(Hop::new("Service", namespace, name, "it does not exist"));
            return Answer::new(Status::NoEndpoint, chain);
        };
        if service["spec"]["type"] == "ExternalName" {
            let said = format!("leads out of the cluster to {}", service["spec"]["externalName"].str());
            chain.push(Hop::of(service, said));
            return Answer::new(Status::Outside, chain);
        }
        let Some(port) = port(service, wanted) else {
            chain.push(Hop::of(service, format!("it has no port {}", port_text(wanted))));
            return Answer::new(Status::NoEndpoint, chain);
        };
        let backends = match behind(table, service, port, fallback, &|address, n| self.reach(address, n)) {
            Ok(backends) => backends,
            Err(hop) => {
                chain.push(hop);
                return Answer::new(Status::NoEndpoint, chain);
            }
        };
        let count = backends.len();
        let ending = if count == 1 { "" } else { "s" };
        chain.push(Hop::of(service, format!("{count} endpoint{ending} ready")));
        let is_any = |matches: fn(&Reach) -> bool| backends.iter().any(|backend| matches(&backend.reach));
        let status = if is_any(|reach| matches!(reach, Reach::Answers)) {
            Status::Answered
        } else if is_any(|reach| matches!(reach, Reach::Silent(_))) {
            Status::TimedOut
        } else {
            Status::Refused
        };
        Answer { backends, ..Answer::new(status, chain) }
    }

    /// Tells what a connection to an address meets.
    fn reach(&self, address: &str, port: i64) -> Reach {
        let plane = self.world.data_plane.borrow();
        let Some(socket) = plane.sockets.get(address) else {
            return Reach::Silent("no pod has this address".to_owned());
        };
        let control = self.sim.control();
        let kubelet = control.find(&format!("kubelet-{}", socket.node));
        if kubelet.is_none_or(|id| control.is_machine_down(id)) {
            return Reach::Silent(format!("node {} is down", socket.node));
        }
        reach_socket(socket, port, self.sim.now())
    }
}

fn reach_socket(socket: &Socket, port: i64, now: sim::Instant) -> Reach {
    let pod = &socket.pod;
    let mut fitting = socket.listeners.iter().filter(|l| l.ports.is_empty() || l.ports.contains(&port));
    if fitting.clone().any(|listener| listener.from.is_some_and(|from| from <= now)) {
        return Reach::Answers;
    }
    Reach::Refuses(match fitting.next() {
        Some(listener) => format!("container {} of Pod {pod} does not listen yet", listener.container),
        None => format!("no container of Pod {pod} that runs listens on port {port}"),
    })
}

fn no_agent(what: &str) -> Hop {
    Hop::new("DataPlane", "", "", format!("{what} does not run"))
}

/// Says why a host is shown the controller's own certificate instead of the one its Ingress names.
fn certificate(table: &Table, ingress: &Value, host: &str) -> Option<String> {
    let of_host = |tls: &&Value| {
        let hosts = tls["hosts"].items();
        hosts.is_empty() || hosts.iter().any(|named| named.str().eq_ignore_ascii_case(host))
    };
    let name = ingress["spec"]["tls"].items().iter().find(of_host)?["secretName"].str();
    if name.is_empty() {
        return None;
    }
    match table.secrets.get(&ObjectKey::new(ingress.namespace(), name)) {
        None => Some(format!("Secret {name} does not exist")),
        Some(secret) if secret["data"]["tls.crt"].str().is_empty() => {
            Some(format!("Secret {name} has no tls.crt"))
        }
        Some(_) => None,
    }
}
