//! What an agent of the data plane has programmed: the objects as its caches showed them at that moment.

use crate::machinery::ObjectKey;
use imbl::OrdMap;
use object::{ObjectExt, Value};

type Objects = OrdMap<ObjectKey, Value>;

const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// The objects by which requests are answered. What a role does not watch stays empty.
#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) services: Objects,
    pub(super) slices: Objects,
    pub(super) ingresses: Objects,
    pub(super) classes: Objects,
    pub(super) secrets: Objects,
}

impl Table {
    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.services.get(&ObjectKey::new(namespace, name))
    }

    /// Gives the slices of a Service.
    pub(super) fn slices_of(&self, service: &Value) -> impl Iterator<Item = &Value> {
        let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
        self.slices
            .range(ObjectKey::new(&namespace, "")..)
            .take_while(move |(key, _)| *key.namespace == *namespace)
            .map(|(_, slice)| slice)
            .filter(move |slice| slice.label(SERVICE_LABEL) == Some(&name))
    }

    /// Gives the Ingresses that a controller takes for its own: those of a class that exists.
    pub(super) fn served(&self) -> impl Iterator<Item = &Value> {
        self.ingresses.values().filter(|ingress| {
            let named = ingress["spec"]["ingressClassName"].as_str();
            match named.or_else(|| ingress.annotation(CLASS_ANNOTATION)) {
                Some(_) if named.is_none() => true,
                Some(name) => self.classes.contains_key(&ObjectKey::new("", name)),
                None => self.classes.values().any(|class| class.annotation(DEFAULT_CLASS) == Some("true")),
            }
        })
    }
}
