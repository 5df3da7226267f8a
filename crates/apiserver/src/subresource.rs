//! Sub-resources: which there are, and `scale` and `binding`.

use crate::call::Call;
use crate::driver::{Driver, ReadAt};
use crate::field::{FieldError, FieldPath};
use crate::kinds::set_pod_condition;
use crate::request::Verb;
use crate::response::Response;
use crate::status::Refusal;
use crate::update::Half;
use object::{GroupKind, GroupResource, ObjectExt, Selector, Value, value};

impl<D: Driver> Call<'_, D> {
    /// Answers a request for a sub-resource.
    pub async fn subresource(&self) -> Result<Response, Refusal> {
        if self.request.verb == Verb::Patch && self.request.patch_type.is_none() {
            return Err(Refusal::unsupported_patch_type());
        }
        match (&*self.request.subresource, self.request.verb) {
            ("status", Verb::Get) => self.get().await,
            ("status", Verb::Update) => self.update(Half::Status).await,
            ("status", Verb::Patch) => self.patch(Half::Status).await,
            ("finalize", Verb::Update) => self.update(Half::Finalize).await,
            ("scale", Verb::Get) => {
                Ok(Response::object(200, scale_of(&self.read_present(ReadAt::Latest).await?)))
            }
            ("scale", Verb::Update | Verb::Patch) => self.rescale().await,
            ("binding", Verb::Create) => self.bind().await,
            ("eviction", Verb::Create) => self.evict().await,
            _ => Err(Refusal::no_such_resource()),
        }
    }

    /// Changes how many replicas are wanted.
    async fn rescale(&self) -> Result<Response, Refusal> {
        let changed = self.change(None, |old| {
            let scale = match self.request.verb {
                Verb::Patch => self.apply_patch(&scale_of(old))?,
                _ => self.body()?.clone(),
            };
            self.check_name(&scale)?;
            self.check_scale(&scale, old)?;
            let mut new = old.clone();
            new.set(&["spec", "replicas"], scale["spec"]["replicas"].int());
            new.set(&["metadata", "resourceVersion"], scale["metadata"]["resourceVersion"].str());
            self.prepared(new, old, Half::Main)
        });
        Ok(Response::object(200, scale_of(&changed.await?)))
    }

    fn check_scale(&self, scale: &Value, old: &Value) -> Result<(), Refusal> {
        let replicas = &scale["spec"]["replicas"];
        if replicas.int() < 0 {
            let path = FieldPath::new("spec").child("replicas");
            let error = FieldError::invalid(&path, replicas, "must be greater than or equal to 0");
            return Err(Refusal::invalid(&GroupKind::new("autoscaling", "Scale"), old.name(), &[error]));
        }
        let uid = scale.uid();
        if !uid.is_empty() && uid != old.uid() {
            let resource =
                GroupResource::new(&self.storage.group, &format!("{}/scale", self.storage.resource));
            let why =
                format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.uid());
            return Err(Refusal::conflict(&resource, old.name(), &why));
        }
        Ok(())
    }

    /// Gives a pod its node.
    async fn bind(&self) -> Result<Response, Refusal> {
        let binding = self.body()?;
        if binding.name() != &*self.request.name {
            return Err(Refusal::bad_request("name in URL does not match name in Binding object"));
        }
        self.check_namespace(&self.request.name, &GroupResource::new("", "pods")).await?;
        check_target(binding)?;
        let node = binding["target"]["name"].str();
        let topology = self.topology_labels(node).await?;
        let uid = binding["metadata"]["uid"].as_text().filter(|uid| !uid.is_empty());
        let now = self.driver.now();
        let bound = self.change(uid, |old| {
            let bindings = GroupResource::new("", "pods/binding");
            let refuse = |why: String| Err(Refusal::conflict(&bindings, old.name(), &why));
            let name = old.name();
            if old.is_deleting() {
                return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
            }
            if !old["spec"]["nodeName"].is_empty() {
                let assigned = old["spec"]["nodeName"].str();
                return refuse(format!("pod {name} is already assigned to node {assigned:?}"));
            }
            if !old["spec"]["schedulingGates"].is_empty() {
                return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
            }
            let mut new = old.clone();
            new.set(&["spec", "nodeName"], node);
            for (key, text) in binding["metadata"]["annotations"].entries() {
                new.set(&["metadata", "annotations", key.as_str()], text);
            }
            let asked = binding.labels().entries().map(|(key, text)| (key.as_str(), text));
            let labels: Vec<_> = asked.chain(topology.iter().map(|(key, text)| (*key, text))).collect();
            for (key, text) in labels {
                // What the pod is labelled with already stays.
                crate::edit::default_to(&mut new, &["metadata", "labels", key], text);
            }
            // A pod that has its node needs no nomination (`ClearingNominatedNodeNameAfterBinding`, KEP-5278).
            new.remove(&["status", "nominatedNodeName"]);
            set_pod_condition(&mut new, value!({"type": "PodScheduled", "status": "True"}), now);
            Ok(new)
        });
        bound.await?;
        Ok(Response::success(201))
    }
}

fn check_target(binding: &Value) -> Result<(), Refusal> {
    let path = FieldPath::new("target");
    let target = &binding["target"];
    let mut errors = Vec::new();
    if !matches!(target["kind"].str(), "" | "Node") {
        errors.push(FieldError::not_supported(&path.child("kind"), &target["kind"], &["Node", "<empty>"]));
    }
    if target["name"].is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::invalid(&GroupKind::new("", "Binding"), binding.name(), &errors))
    }
}

/// Shows a workload as what scales it.
fn scale_of(object: &Value) -> Value {
    let selector = &object["spec"]["selector"];
    let is_plain = object.kind() == "ReplicationController";
    let selector = if is_plain {
        Selector::from_map(selector)
    } else {
        Selector::from_label_selector(selector).unwrap_or_else(|_| Selector::nothing())
    };
    let mut metadata = value!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        crate::edit::keep(&mut metadata, &object["metadata"], &[field]);
    }
    let mut spec = value!({});
    spec.set_or_omit(&["replicas"], &object["spec"]["replicas"]);
    let mut status = value!({"replicas": object["status"]["replicas"].int()});
    status.set_or_omit(&["selector"], selector.to_string());
    value!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status,
    })
}
