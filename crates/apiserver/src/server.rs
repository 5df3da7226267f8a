//! The server: finds what a request is about, checks its options, and hands it to its verb.

use crate::call::Call;
use crate::driver::Driver;
use crate::request::{Request, Verb};
use crate::response::Response;
use crate::status::Refusal;
use crate::update::Half;
use schema::{KubernetesVersion, Resource, Schema};
use std::collections::BTreeSet;

/// An API server of one Kubernetes release.
///
/// It holds no state of the cluster: any number of requests may be handled at once, by one server or by several.
#[derive(Clone, Debug)]
pub struct Server {
    schema: &'static Schema,
    switched_on: BTreeSet<(String, String)>,
    options: ServerOptions,
}

/// What an operator sets when starting a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// The first address of the range of services, as four numbers.
    pub service_range_start: [u8; 4],
    /// How many bits of the range's addresses are fixed.
    pub service_range_prefix: u8,
    /// The lowest port of services on nodes.
    pub node_port_min: u16,
    /// The highest port of services on nodes.
    pub node_port_max: u16,
}

impl Default for ServerOptions {
    /// The defaults of kubeadm: 10.96.0.0/12, and ports 30000 to 32767.
    fn default() -> Self {
        Self {
            service_range_start: [10, 96, 0, 0],
            service_range_prefix: 12,
            node_port_min: 30_000,
            node_port_max: 32_767,
        }
    }
}

impl Server {
    /// Makes a server of a release, with what that serves by default.
    pub fn new(version: KubernetesVersion) -> Self {
        Self {
            schema: Schema::for_version(version),
            switched_on: BTreeSet::new(),
            options: ServerOptions::default(),
        }
    }

    /// Serves a group-version that the release knows but does not serve by default, as `--runtime-config` does.
    #[must_use]
    pub fn serving(mut self, group: &str, version: &str) -> Self {
        self.switched_on.insert((group.to_owned(), version.to_owned()));
        self
    }

    /// Replaces the options.
    #[must_use]
    pub fn with_options(self, options: ServerOptions) -> Self {
        Self { options, ..self }
    }

    /// Gives the release.
    pub fn version(&self) -> KubernetesVersion {
        self.schema.version()
    }

    /// Gives the options.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Gives the release's schema.
    pub fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn serves(&self, group: &str, version: &str) -> bool {
        self.schema.served_by_default(group, version)
            || self.switched_on.contains(&(group.to_owned(), version.to_owned()))
    }

    /// Finds a resource that is served.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
        self.schema.resource(group, version, plural).filter(|_| self.serves(group, version))
    }

    /// Answers a request.
    ///
    /// Every outcome is an answer: what the client did wrong, what it lost against another, and what the server could
    /// not do.
    pub async fn handle(&self, driver: &impl Driver, request: Request) -> Response {
        let found = self.resource(&request.group, &request.version, &request.resource);
        let Some(resource) = found else { return self.unknown(&request) };
        match self.answer(driver, &request, resource).await {
            Ok(response) => response,
            Err(refusal) => refusal.into(),
        }
    }

    async fn answer(
        &self,
        driver: &impl Driver,
        request: &Request,
        resource: &'static Resource,
    ) -> Result<Response, Refusal> {
        self.check_place(request, resource)?;
        if is_review(resource) {
            return Err(Refusal::no_such_resource());
        }
        let call = Call::new(self, driver, request, resource);
        if !request.subresource.is_empty() {
            request.options.check(request.verb, request.patch_type)?;
            return call.subresource().await;
        }
        if request.verb == Verb::Patch && request.patch_type.is_none() {
            return Err(Refusal::unsupported_patch_type());
        }
        request.options.check(request.verb, request.patch_type)?;
        match request.verb {
            Verb::Get => call.get().await,
            Verb::List => call.list().await,
            Verb::Watch => call.watch(),
            Verb::Create => call.create().await,
            Verb::Update => call.update(Half::Main).await,
            Verb::Patch => call.patch(Half::Main).await,
            Verb::Delete => call.delete().await,
            Verb::DeleteCollection => call.delete_collection().await,
        }
    }

    /// Answers a request for a resource that is not served.
    fn unknown(&self, request: &Request) -> Response {
        let group_is_known = self.schema.group_versions().any(|(group, version, _)| {
            (group, version) == (&*request.group, &*request.version) && self.serves(group, version)
        });
        if group_is_known {
            Refusal::no_such_resource().into()
        } else {
            Response::text(404, "404 page not found\n")
        }
    }

    /// Checks that the resource knows the verb and lies where the path says.
    fn check_place(&self, request: &Request, resource: &Resource) -> Result<(), Refusal> {
        let verbs = if request.subresource.is_empty() {
            resource.verbs
        } else {
            resource.subresource(&request.subresource).ok_or_else(Refusal::no_such_resource)?.verbs
        };
        let in_namespace = !request.namespace.is_empty();
        if in_namespace && !resource.namespaced {
            return Err(Refusal::no_such_resource());
        }
        if !in_namespace && resource.namespaced && !matches!(request.verb, Verb::List | Verb::Watch) {
            // A namespaced resource has only collection paths outside of namespaces, for reading.
            let named = !request.name.is_empty();
            return Err(if named { Refusal::no_such_resource() } else { Refusal::method_not_allowed() });
        }
        if verbs.contains(request.verb) { Ok(()) } else { Err(Refusal::method_not_allowed()) }
    }
}

/// Tells whether objects of a resource are questions, answered at once and never stored.
fn is_review(resource: &Resource) -> bool {
    let group = &*resource.group;
    matches!(group, "authentication.k8s.io" | "authorization.k8s.io")
        || &*resource.plural == "componentstatuses"
}
