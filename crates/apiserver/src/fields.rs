//! Which fields a field selector may ask for, per resource, and how they are read.
//!
//! Upstream: the field label conversions in `pkg/apis/*/v1/conversion.go` and `GetAttrs` of each strategy.

use crate::status::Refusal;
use object::{FieldSelector, GroupResource, Value};
use std::borrow::Cow;

/// The words for a field that is not known.
enum Complaint {
    /// `field label not supported: x`
    Plain,
    /// `field label "x" not supported for Job`
    Job,
    /// `"x" is not a known field selector: …`
    Generic,
}

const POD: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

const EVENT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// Gives the fields of a resource besides name and namespace.
fn known(resource: &GroupResource) -> (&'static [&'static str], Complaint) {
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => (POD, Complaint::Plain),
        ("", "events") => (EVENT, Complaint::Plain),
        ("", "nodes") => (&["spec.unschedulable"], Complaint::Plain),
        ("", "namespaces") => (&["status.phase"], Complaint::Plain),
        ("", "replicationcontrollers") => (&["status.replicas"], Complaint::Plain),
        ("", "secrets") => (&["type"], Complaint::Plain),
        ("", "services") => (&["spec.clusterIP", "spec.type"], Complaint::Plain),
        ("batch", "jobs") => (&["status.successful"], Complaint::Job),
        ("apps", "statefulsets") => (&["status.successful"], Complaint::Plain),
        ("certificates.k8s.io", "certificatesigningrequests") => (&["spec.signerName"], Complaint::Plain),
        ("resource.k8s.io", "resourceslices") => (&["spec.nodeName", "spec.driver"], Complaint::Plain),
        _ => (&[], Complaint::Generic),
    }
}

/// Checks that a resource knows every field of a selector.
///
/// # Errors
/// With status 400 and the words of the resource's conversion when it does not.
pub fn check(resource: &GroupResource, selector: &FieldSelector) -> Result<(), Refusal> {
    let (fields, complaint) = known(resource);
    let always = ["metadata.name", "metadata.namespace"];
    let unknown = selector
        .requirements()
        .iter()
        .map(|requirement| requirement.field.as_str())
        .find(|field| !always.contains(field) && !fields.contains(&current_name(resource, field)));
    let Some(field) = unknown else { return Ok(()) };
    Err(Refusal::bad_request(match complaint {
        Complaint::Plain => format!("field label not supported: {field}"),
        Complaint::Job => format!("field label {field:?} not supported for Job"),
        Complaint::Generic => {
            format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        }
    }))
}

/// Gives the present name of a field; `spec.host` is an old one.
fn current_name<'a>(resource: &GroupResource, field: &'a str) -> &'a str {
    if field == "spec.host" && &*resource.resource == "pods" { "spec.nodeName" } else { field }
}

/// Tells whether an object has the fields that a selector asks for.
pub fn matches(resource: &GroupResource, selector: &FieldSelector, object: &Value) -> bool {
    selector.requirements().iter().all(|requirement| {
        let found = read(current_name(resource, &requirement.field), object);
        (found == requirement.value) == requirement.equal
    })
}

fn read<'a>(field: &str, object: &'a Value) -> Cow<'a, str> {
    match field {
        // An event's source is who reported it; `source.component` is where older recorders wrote that.
        "source" => {
            let source = object["source"]["component"].str();
            return if source.is_empty() { object["reportingComponent"].str().into() } else { source.into() };
        }
        // Upstream accepts the field and never fills it.
        "status.podIPs" => return Cow::Borrowed(""),
        _ => {}
    }
    let found = field.split('.').fold(object, |node, key| &node[key]);
    match found {
        Value::Str(text) => Cow::Borrowed(text),
        Value::Int(number) => number.to_string().into(),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        // What is absent reads as Go's zero value of the field's type.
        _ if matches!(field, "spec.unschedulable" | "spec.hostNetwork") => Cow::Borrowed("false"),
        _ if matches!(field, "status.replicas" | "status.successful") => Cow::Borrowed("0"),
        _ => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn check_pod(selector: &str, expected: bool) {
        let pod = value!({
            "metadata": {"name": "p", "namespace": "a"},
            "spec": {"nodeName": "n1", "restartPolicy": "Always"},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
        });
        let pods = GroupResource::new("", "pods");
        let parsed = FieldSelector::parse(selector).expect("a good selector");
        check(&pods, &parsed).expect("known fields");
        assert_eq!(matches(&pods, &parsed, &pod), expected, "{selector}");
    }

    #[test]
    fn fields_of_pods_are_read() {
        check_pod("spec.nodeName=n1,status.phase!=Failed", true);
        check_pod("spec.host=n2", false);
        check_pod("spec.hostNetwork=false", true);
        check_pod("status.podIPs=10.0.0.1", false);
        check_pod("metadata.namespace=a,metadata.name=p", true);
        check_pod("status.nominatedNodeName=", true);
    }

    #[test]
    fn unknown_fields_are_refused_in_the_words_of_the_resource() {
        let refuse = |group: &str, resource: &str| {
            let selector = FieldSelector::parse("data.x=1").expect("a good selector");
            let refusal = super::check(&GroupResource::new(group, resource), &selector).expect_err("unknown");
            refusal.to_status()["message"].str().to_owned()
        };
        assert_eq!(refuse("", "secrets"), "field label not supported: data.x");
        assert_eq!(refuse("batch", "jobs"), "field label \"data.x\" not supported for Job");
        assert_eq!(
            refuse("", "configmaps"),
            "\"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        );
    }
}
