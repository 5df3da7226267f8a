//! The type tables against what is known of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use object::{GroupVersionKind, Value};
use schema::{Field, Form, KubernetesVersion, ListType, PatchStrategy, Scalar, Schema, TypeRef};

fn release(minor: u8) -> &'static Schema {
    let version = KubernetesVersion::ALL.into_iter().find(|version| version.minor() == minor);
    Schema::for_version(version.expect("a known release"))
}

/// Finds the field at the end of a path of dots below a kind: `v1/Pod spec.containers.*.ports`.
fn field(schema: &'static Schema, kind: &str, path: &str) -> Option<Field<'static>> {
    let (api_version, kind) = kind.rsplit_once('/').expect("a kind");
    let (group, version) = schema::split_api_version(api_version);
    let parts: Vec<&str> = path.split('.').collect();
    let (last, parents) = parts.split_last().expect("a path");
    schema.type_for_kind(group, version, kind).expect("a known kind").at(parents)?.field(last)
}

fn strategy(field: Field<'_>) -> String {
    let PatchStrategy { merge, retain_keys, replace } = field.patch_strategy();
    let words = [(merge, "merge"), (retain_keys, "retainKeys"), (replace, "replace")];
    words.iter().filter(|(has, _)| *has).map(|(_, word)| *word).collect::<Vec<_>>().join(",")
}

#[test]
fn lists_are_told_apart_by_the_right_keys() {
    let check = |kind: &str, path: &str, list_type: ListType, keys: &str, merge_key: Option<&str>| {
        for version in KubernetesVersion::ALL {
            let field =
                field(Schema::for_version(version), kind, path).unwrap_or_else(|| panic!("{kind} {path}"));
            assert_eq!(field.list_type(), list_type, "{kind} {path} in {version}");
            let held: Vec<&str> = field.map_keys().iter().map(|key| &**key).collect();
            assert_eq!(held.join(","), keys, "{kind} {path} in {version}");
            assert_eq!(field.merge_key(), merge_key, "{kind} {path} in {version}");
            assert!(field.ty().items().is_some(), "{kind} {path} is a list");
        }
    };
    let pod = "v1/Pod";
    check(pod, "spec.containers", ListType::Map, "name", Some("name"));
    check(pod, "spec.containers.*.ports", ListType::Map, "containerPort,protocol", Some("containerPort"));
    check(pod, "spec.containers.*.args", ListType::Atomic, "", None);
    check(pod, "spec.tolerations", ListType::Atomic, "", None);
    check(pod, "spec.volumes", ListType::Map, "name", Some("name"));
    let spread = "topologyKey,whenUnsatisfiable";
    check(pod, "spec.topologySpreadConstraints", ListType::Map, spread, Some("topologyKey"));
    check(pod, "status.podIPs", ListType::Map, "ip", Some("ip"));
    check(pod, "metadata.finalizers", ListType::Set, "", None);
    check(pod, "metadata.ownerReferences", ListType::Map, "uid", Some("uid"));
    check("apps/v1/Deployment", "spec.template.spec.containers", ListType::Map, "name", Some("name"));
    check("v1/Service", "spec.ports", ListType::Map, "port,protocol", Some("port"));
    check("v1/Node", "spec.taints", ListType::Atomic, "", None);
    check("v1/Node", "spec.podCIDRs", ListType::Set, "", None);
    check("networking.k8s.io/v1/Ingress", "spec.rules", ListType::Atomic, "", None);
    check("discovery.k8s.io/v1/EndpointSlice", "endpoints", ListType::Atomic, "", None);
    check("discovery.k8s.io/v1/EndpointSlice", "ports", ListType::Atomic, "", None);
}

#[test]
fn every_resource_has_a_type_in_every_release() {
    for version in KubernetesVersion::ALL {
        let schema = Schema::for_version(version);
        let mut listed = 0;
        for resource in schema.resources() {
            let kind = resource.group_version_kind();
            let ty = schema.type_of(&kind).unwrap_or_else(|| panic!("{kind} in {version}"));
            assert!(matches!(ty.form(), Form::Object), "{kind}");
            assert_eq!(
                ty.field("kind").map(|field| field.ty().scalar()),
                Some(Some(Scalar::String)),
                "{kind}"
            );
            if resource.verbs.contains(schema::Verb::List) {
                let list = GroupVersionKind { kind: format!("{}List", kind.kind).into(), ..kind.clone() };
                let items = schema.type_of(&list).and_then(|list| list.at(&["items", "*"]));
                assert_eq!(items.and_then(TypeRef::name), ty.name(), "{list} in {version}");
                listed += 1;
            }
            // What connects to a pod or a node has options in its query, which have no type.
            let typed = resource.subresources.iter().filter(|sub| !sub.kind.ends_with("Options"));
            for sub in typed {
                let body = schema.type_for_kind(&sub.group, &sub.version, &sub.kind);
                assert!(body.is_some(), "{}/{} in {version}", resource.plural, sub.name);
            }
        }
        assert!(listed > 70, "{listed} resources that can be listed in {version}");
    }
}

#[test]
fn every_group_version_has_options_and_events() {
    for (group, version) in [("", "v1"), ("apps", "v1"), ("resource.k8s.io", "v1")] {
        let schema = release(36);
        let options = schema.type_for_kind(group, version, "DeleteOptions").expect("options");
        assert_eq!(options.name(), Some("meta.v1.DeleteOptions"));
        let event = schema.type_for_kind(group, version, "WatchEvent").expect("events");
        assert!(event.field("object").expect("an object").ty().preserves_unknown_fields());
    }
    assert!(release(36).type_for_kind("apps", "v1", "Gizmo").is_none());
}

/// Everything that strategic merge patch knows of the stable types, whole: a field, how it is merged, by which key, and
/// how many types have it so. Upstream marks the same in `k8s.io/api` with `patchStrategy` and `patchMergeKey`.
#[test]
fn strategic_merge_knows_these_fields_and_no_others() {
    let expected = "\
addresses merge by type in 1
allocatedResourcesStatus merge by name in 1
conditions merge by type in 18
containers merge by name in 1
drivers merge by name in 1
env merge by name in 2
ephemeralContainers merge by name in 1
finalizers merge in 1
hostAliases merge by ip in 1
hostIPs merge by ip in 1
imagePullSecrets merge by name in 1
initContainers merge by name in 1
matchConditions merge by name in 4
ownerReferences merge by uid in 1
podCIDRs merge in 1
podIPs merge by ip in 1
ports merge by containerPort in 2
ports merge by port in 1
reservedFor merge by uid in 1
resourceClaimStatuses merge,retainKeys by name in 1
resourceClaims merge,retainKeys by name in 1
schedulingGates merge by name in 1
secrets merge by name in 1
selector replace in 1
strategy retainKeys in 1
topologySpreadConstraints merge by topologyKey in 1
variables merge by name in 1
volumeDevices merge by devicePath in 2
volumeMounts merge by mountPath in 3
volumes merge,retainKeys by name in 1
webhooks merge by name in 2
x-kubernetes-validations merge by rule in 1";
    let mut seen = BTreeSet::new();
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    let schema = release(36);
    for resource in schema.resources_by_default() {
        let mut open = vec![schema.type_of(&resource.group_version_kind()).expect("a type")];
        while let Some(ty) = open.pop() {
            match ty.form() {
                Form::List(inner) | Form::Map(inner) => open.push(inner),
                Form::Scalar(_) => {}
                Form::Object if !seen.insert(ty.name()) => {}
                Form::Object => {
                    for field in ty.fields() {
                        open.push(field.ty());
                        if field.patch_strategy() != PatchStrategy::default() || field.merge_key().is_some() {
                            let by = field.merge_key().map(|key| format!(" by {key}")).unwrap_or_default();
                            *rows.entry(format!("{} {}{by}", field.name(), strategy(field))).or_default() +=
                                1;
                        }
                    }
                }
            }
        }
    }
    let rows: Vec<String> = rows.iter().map(|(row, count)| format!("{row} in {count}")).collect();
    assert_eq!(rows.join("\n"), expected);
}

#[test]
fn scalars_are_told_apart() {
    let check = |kind: &str, path: &str, expected: Scalar| {
        let field = field(release(36), kind, path).unwrap_or_else(|| panic!("{kind} {path}"));
        assert_eq!(field.ty().scalar(), Some(expected), "{kind} {path}");
    };
    check("v1/Pod", "metadata.creationTimestamp", Scalar::Time);
    check("v1/Pod", "metadata.managedFields.*.fieldsV1", Scalar::Raw);
    check("v1/Pod", "spec.containers.*.livenessProbe.httpGet.port", Scalar::IntOrString);
    check("v1/Pod", "spec.terminationGracePeriodSeconds", Scalar::Int64);
    check("v1/Pod", "spec.hostNetwork", Scalar::Boolean);
    check("v1/ServiceList", "items.*.spec.ports.*.port", Scalar::Int32);
    check("coordination.k8s.io/v1/Lease", "spec.renewTime", Scalar::MicroTime);
    check("apps/v1/ControllerRevision", "data", Scalar::Raw);
    let crd = "apiextensions.k8s.io/v1/CustomResourceDefinition";
    check(crd, "spec.versions.*.schema.openAPIV3Schema.default", Scalar::Any);
    check(crd, "spec.versions.*.schema.openAPIV3Schema.maximum", Scalar::Double);
    let limits = field(release(36), "v1/Pod", "spec.containers.*.resources.limits").expect("limits");
    assert_eq!(limits.ty().values().and_then(TypeRef::scalar), Some(Scalar::Quantity));
    let data = field(release(36), "v1/Secret", "data").expect("data");
    assert_eq!(data.ty().values().and_then(TypeRef::scalar), Some(Scalar::Byte));
}

#[test]
fn what_is_replaced_whole_says_so() {
    let check = |kind: &str, path: &str, atomic: bool| {
        let found = field(release(36), kind, path).unwrap_or_else(|| panic!("{kind} {path}"));
        assert_eq!(found.ty().is_atomic(), atomic, "{kind} {path}");
    };
    check("v1/Pod", "spec.nodeSelector", true);
    check("v1/Service", "spec.selector", true);
    check("apps/v1/Deployment", "spec.selector", true);
    check("v1/PersistentVolumeClaim", "spec.dataSource", true);
    check("v1/Pod", "metadata.labels", false);
    check("v1/Pod", "spec.securityContext", false);
}

#[test]
fn required_defaults_and_values() {
    let of =
        |kind: &str, path: &str| field(release(36), kind, path).unwrap_or_else(|| panic!("{kind} {path}"));
    let values =
        |field: Field<'static>| field.enum_values().iter().map(|value| &**value).collect::<Vec<&str>>();
    let port = of("v1/Pod", "spec.containers.*.ports.*.containerPort");
    assert!(port.is_required());
    assert_eq!(port.default(), Some(&Value::from(0)), "Go's encoder never omits it");
    let protocol = of("v1/Pod", "spec.containers.*.ports.*.protocol");
    assert!(!protocol.is_required());
    assert_eq!(protocol.default(), Some(&Value::from("TCP")));
    assert_eq!(values(protocol), ["SCTP", "TCP", "UDP"]);
    assert_eq!(of("v1/Pod", "spec.restartPolicy").default(), None, "a rule sets it, not the schema");
    assert_eq!(values(of("v1/Pod", "spec.restartPolicy")), ["Always", "Never", "OnFailure"]);
    assert_eq!(values(of("v1/Pod", "spec.nodeName")), Vec::<&str>::new());
    let usages = of("certificates.k8s.io/v1/CertificateSigningRequest", "spec.usages");
    assert!(values(usages).contains(&"client auth"), "values of a list's items, with spaces");
    assert!(of("apps/v1/Deployment", "spec.selector").is_required());
    assert!(!of("apps/v1/Deployment", "spec.replicas").is_required());
}

/// Fields that came, went or changed; each is in upstream's release notes.
#[test]
fn fields_differ_between_releases() {
    let check = |kind: &str, path: &str, minors: &[u8]| {
        let has = |minor: &u8| field(release(*minor), kind, path).is_some();
        let having: Vec<u8> = (33..=37).filter(has).collect();
        assert_eq!(having, minors, "{kind} {path}");
    };
    check("v1/Pod", "spec.hostname", &[33, 34, 35, 36, 37]);
    check("v1/Pod", "spec.hostnameOverride", &[34, 35, 36, 37]);
    check("v1/Pod", "spec.containers.*.restartPolicyRules", &[34, 35, 36, 37]);
    check("v1/Pod", "spec.workloadRef", &[35]);
    check("v1/Pod", "spec.schedulingGroup", &[36, 37]);
    check("apps/v1/ReplicaSet", "status.terminatingReplicas", &[33, 34, 35, 36, 37]);
    assert!(release(33).type_named("core.v1.PodCertificateProjection").is_none());
    assert!(release(34).type_named("core.v1.PodCertificateProjection").is_some());
}

#[test]
fn paths_lead_only_where_fields_are() {
    let pod = release(36).type_for_kind("", "v1", "Pod").expect("a pod");
    assert_eq!(pod.at(&[]).and_then(TypeRef::name), Some("core.v1.Pod"));
    assert_eq!(pod.at(&["spec", "containers", "*"]).and_then(TypeRef::name), Some("core.v1.Container"));
    assert_eq!(pod.at(&["metadata", "labels", "app"]).and_then(TypeRef::scalar), Some(Scalar::String));
    assert!(pod.at(&["spec", "contianers"]).is_none());
    assert!(pod.at(&["spec", "nodeName", "deeper"]).is_none());
    assert_eq!(
        format!("{:?}", pod.at(&["spec"]).expect("a spec").field("overhead").expect("it")),
        "overhead: {Quantity}"
    );
}
