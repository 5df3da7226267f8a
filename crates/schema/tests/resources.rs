//! The resource tables against what is known of Kubernetes, and against a real server's discovery.

use std::collections::{BTreeMap, BTreeSet};

use schema::{KubernetesVersion, Resource, Schema, Verb, api_version, lifecycle};
use serde_json::{Value, json};

fn latest() -> &'static Schema {
    Schema::for_version(KubernetesVersion::LATEST)
}

fn named(schema: &'static Schema, name: &str) -> &'static Resource {
    schema.find(name).unwrap_or_else(|| panic!("{name} in {}", schema.version()))
}

#[test]
fn well_known_resources_have_their_names_scope_and_verbs() {
    let check = |name: &str, api: &str, plural: &str, kind: &str, namespaced: bool, subresources: &str| {
        for version in KubernetesVersion::ALL {
            let found = named(Schema::for_version(version), name);
            assert_eq!(found.api_version(), api, "{name} in {version}");
            assert_eq!((&*found.plural, &*found.kind), (plural, kind), "{name} in {version}");
            assert_eq!(found.namespaced, namespaced, "{name} in {version}");
            let subs: Vec<&str> = found.subresources.iter().map(|sub| &*sub.name).collect();
            assert_eq!(subs.join(" "), subresources, "{name} in {version}");
        }
    };
    check("deploy", "apps/v1", "deployments", "Deployment", true, "scale status");
    check("Deployment", "apps/v1", "deployments", "Deployment", true, "scale status");
    check("deployments.apps", "apps/v1", "deployments", "Deployment", true, "scale status");
    check("deployments.v1.apps", "apps/v1", "deployments", "Deployment", true, "scale status");
    check("no", "v1", "nodes", "Node", false, "proxy status");
    check("ns", "v1", "namespaces", "Namespace", false, "finalize status");
    check("ep", "v1", "endpoints", "Endpoints", true, "");
    check("sa", "v1", "serviceaccounts", "ServiceAccount", true, "token");
    check("pv", "v1", "persistentvolumes", "PersistentVolume", false, "status");
    check("ev", "v1", "events", "Event", true, "");
    check("events.events.k8s.io", "events.k8s.io/v1", "events", "Event", true, "");
    check(
        "crd",
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        false,
        "status",
    );
    check("hpa", "autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, "status");
    check(
        "hpa.v1.autoscaling",
        "autoscaling/v1",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        true,
        "status",
    );
    check("leases", "coordination.k8s.io/v1", "leases", "Lease", true, "");
    check(
        "csr",
        "certificates.k8s.io/v1",
        "certificatesigningrequests",
        "CertificateSigningRequest",
        false,
        "approval status",
    );
    let pods = "attach binding ephemeralcontainers eviction exec log portforward proxy resize status";
    check("po", "v1", "pods", "Pod", true, pods);
}

#[test]
fn verbs_and_bodies_of_subresources() {
    let schema = latest();
    let check = |name: &str, sub: &str, body: &str, kind: &str, verbs: &str| {
        let found = named(schema, name).subresource(sub).unwrap_or_else(|| panic!("{name}/{sub}"));
        assert_eq!((found.api_version().as_str(), &*found.kind), (body, kind), "{name}/{sub}");
        let has: Vec<&str> = found.verbs.iter().map(Verb::as_str).collect();
        assert_eq!(has.join(" "), verbs, "{name}/{sub}");
    };
    for scaled in ["deploy", "rs", "sts", "rc"] {
        check(scaled, "scale", "autoscaling/v1", "Scale", "get patch update");
    }
    check("po", "eviction", "policy/v1", "Eviction", "create");
    check("po", "binding", "v1", "Binding", "create");
    check("po", "exec", "v1", "PodExecOptions", "create get");
    check("sa", "token", "authentication.k8s.io/v1", "TokenRequest", "create");
    check("ns", "finalize", "v1", "Namespace", "update");
    assert!(!named(schema, "ns").verbs.contains(Verb::DeleteCollection), "namespaces are deleted one by one");
    assert!(named(schema, "po").verbs.contains(Verb::Watch));
    let review = named(schema, "subjectaccessreviews");
    assert_eq!(review.verbs.iter().collect::<Vec<_>>(), [Verb::Create]);
}

#[test]
fn a_kind_leads_to_its_resource() {
    let schema = latest();
    for resource in schema.resources() {
        let found = schema.resource_for_kind(&resource.group, &resource.version, &resource.kind);
        assert_eq!(found, Some(resource));
        assert_eq!(schema.resource(&resource.group, &resource.version, &resource.plural), Some(resource));
    }
    assert_eq!(schema.resource_for_kind("autoscaling", "v1", "Scale"), None, "only a sub-resource's body");
    assert_eq!(schema.resource("apps", "v1", "deployment"), None, "paths hold the plural");
    assert_eq!(schema.find("gizmos"), None);
}

#[test]
fn stable_versions_are_on_and_others_off() {
    for version in KubernetesVersion::ALL {
        let schema = Schema::for_version(version);
        for (group, name, on) in schema.group_versions() {
            let stable = !name.contains("alpha") && !name.contains("beta");
            assert_eq!(on, stable, "{group}/{name} in {version}");
            assert_eq!(schema.served_by_default(group, name), on);
        }
        assert_eq!(schema.preferred_version("autoscaling"), Some("v2"));
        assert_eq!(schema.preferred_version(""), Some("v1"));
        assert_eq!(schema.preferred_version("internal.apiserver.k8s.io"), None, "its only version is off");
        assert_eq!(schema.preferred_version("example.com"), None);
    }
    assert_eq!(Schema::for_version(KubernetesVersion::V1_33).preferred_version("resource.k8s.io"), None);
    assert_eq!(
        Schema::for_version(KubernetesVersion::V1_34).preferred_version("resource.k8s.io"),
        Some("v1")
    );
}

/// Each row is in upstream's release notes or in the deprecation guide of the documentation.
#[test]
fn kinds_come_and_go_between_releases() {
    let check = |group: &str, version: &str, kind: &str, known: std::ops::RangeInclusive<u8>, on: &[u8]| {
        let life = lifecycle(group, version, kind).unwrap_or_else(|| panic!("{group}/{version} {kind}"));
        let minors = |versions: &[KubernetesVersion]| versions.iter().map(|v| v.minor()).collect::<Vec<_>>();
        assert_eq!(minors(&life.known), known.clone().collect::<Vec<_>>(), "{group}/{version} {kind}");
        assert_eq!(minors(&life.by_default), on, "{group}/{version} {kind}");
        assert_eq!((life.first().minor(), life.last().minor()), (*known.start(), *known.end()));
        assert_eq!(
            life.removed_in().map(KubernetesVersion::minor),
            (*known.end() < 37).then(|| known.end() + 1)
        );
    };
    check("apps", "v1", "Deployment", 33..=37, &[33, 34, 35, 36, 37]);
    check("", "v1", "Endpoints", 33..=37, &[33, 34, 35, 36, 37]);
    check("resource.k8s.io", "v1", "ResourceClaim", 34..=37, &[34, 35, 36, 37]);
    check("resource.k8s.io", "v1alpha3", "ResourceClaim", 33..=33, &[]);
    check("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy", 36..=37, &[36, 37]);
    check("admissionregistration.k8s.io", "v1beta1", "ValidatingAdmissionPolicy", 33..=33, &[]);
    check("storage.k8s.io", "v1", "VolumeAttributesClass", 34..=37, &[34, 35, 36, 37]);
    check("storage.k8s.io", "v1alpha1", "VolumeAttributesClass", 33..=34, &[]);
    check("storage.k8s.io", "v1beta1", "VolumeAttributesClass", 33..=36, &[]);
    check("networking.k8s.io", "v1", "ServiceCIDR", 33..=37, &[33, 34, 35, 36, 37]);
    check("networking.k8s.io", "v1beta1", "ServiceCIDR", 33..=36, &[]);
    check("storagemigration.k8s.io", "v1alpha1", "StorageVersionMigration", 33..=34, &[]);
    check("storagemigration.k8s.io", "v1", "StorageVersionMigration", 37..=37, &[37]);
    check("scheduling.k8s.io", "v1alpha1", "Workload", 35..=35, &[]);
    check("certificates.k8s.io", "v1alpha1", "PodCertificateRequest", 34..=34, &[]);
    check("certificates.k8s.io", "v1alpha1", "ClusterTrustBundle", 33..=36, &[]);
    check("certificates.k8s.io", "v1", "PodCertificateRequest", 37..=37, &[37]);
    assert_eq!(lifecycle("extensions", "v1beta1", "Ingress"), None, "gone long before");
}

/// Upstream's removals, whole; `k8s.io/api` marks them with `prerelease-lifecycle-gen`. None was on by default.
#[test]
fn these_kinds_went_away_and_no_others() {
    let expected = "\
1.34 admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
1.34 resource.k8s.io/v1alpha3 DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice
1.35 certificates.k8s.io/v1alpha1 PodCertificateRequest
1.35 storage.k8s.io/v1alpha1 VolumeAttributesClass
1.35 storagemigration.k8s.io/v1alpha1 StorageVersionMigration
1.36 scheduling.k8s.io/v1alpha1 Workload
1.37 certificates.k8s.io/v1alpha1 ClusterTrustBundle
1.37 networking.k8s.io/v1beta1 IPAddress ServiceCIDR
1.37 scheduling.k8s.io/v1alpha2 PodGroup Workload
1.37 storage.k8s.io/v1beta1 VolumeAttributesClass";
    let mut gone: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in
        KubernetesVersion::ALL.into_iter().flat_map(|version| Schema::for_version(version).resources())
    {
        let life = lifecycle(&resource.group, &resource.version, &resource.kind).expect("a known kind");
        if let Some(version) = life.removed_in() {
            assert_eq!(life.by_default, [], "{resource:?}");
            gone.entry(format!("{version} {}", resource.api_version()))
                .or_default()
                .insert(resource.kind.to_string());
        }
    }
    let rows: Vec<String> = gone
        .iter()
        .map(|(key, kinds)| format!("{key} {}", kinds.iter().cloned().collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(rows.join("\n"), expected);
}

#[test]
fn order_is_that_of_discovery() {
    for version in KubernetesVersion::ALL {
        let schema = Schema::for_version(version);
        let order: Vec<String> =
            schema.group_versions().map(|(group, name, _)| api_version(group, name)).collect();
        assert_eq!(order[..3], ["v1", "apiregistration.k8s.io/v1", "apps/v1"], "{version}");
        let place = |r: &Resource| (order.iter().position(|gv| *gv == r.api_version()), r.plural.to_string());
        assert!(schema.resources().is_sorted_by_key(place), "{version}");
    }
}

/// Every answer that a real API server gave about its resources.
#[test]
fn a_real_server_describes_its_resources_so() {
    let schema = Schema::for_version(KubernetesVersion::V1_36);
    let mut compared = 0;
    for row in include_str!("fixtures/discovery-1.36.3.jsonl").lines() {
        let row: Value = serde_json::from_str(row).expect("a recorded row");
        let body = &row["body"];
        if let Some(first) = body.get("/resources/0") {
            assert_eq!(listed(schema, "", "v1")[0], *first);
            compared += 1;
        } else if body["kind"] == "APIResourceList" {
            let (group, version) =
                schema::split_api_version(body["groupVersion"].as_str().expect("a group-version"));
            let mut recorded = body["resources"].as_array().expect("resources").clone();
            for entry in &mut recorded {
                entry.as_object_mut().expect("a resource").remove("storageVersionHash");
            }
            assert_eq!(listed(schema, group, version), recorded, "{group}/{version}");
            compared += recorded.len();
        } else if body["kind"] == "APIGroup" {
            let group = body["name"].as_str().expect("a name");
            assert_eq!(body["preferredVersion"]["version"].as_str(), schema.preferred_version(group));
            compared += 1;
        }
    }
    assert_eq!(compared, 20, "rows of the recording");
}

/// Writes a group-version's resources as an `APIResourceList` holds them.
fn listed(schema: &Schema, group: &str, version: &str) -> Vec<Value> {
    let mut entries = Vec::new();
    for resource in schema.resources().iter().filter(|r| *r.group == *group && *r.version == *version) {
        let verbs: Vec<&str> = resource.verbs.iter().map(Verb::as_str).collect();
        let mut entry = json!({"name": *resource.plural, "singularName": *resource.singular,
            "namespaced": resource.namespaced, "kind": *resource.kind, "verbs": verbs});
        for (key, words) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
            if !words.is_empty() {
                entry[key] = words.iter().map(|word| json!(**word)).collect();
            }
        }
        entries.push(entry);
        for sub in &resource.subresources {
            let verbs: Vec<&str> = sub.verbs.iter().map(Verb::as_str).collect();
            let mut entry = json!({"name": format!("{}/{}", resource.plural, sub.name), "singularName": "",
                "namespaced": resource.namespaced, "kind": *sub.kind, "verbs": verbs});
            if (&sub.group, &sub.version) != (&resource.group, &resource.version) {
                entry["group"] = json!(*sub.group);
                entry["version"] = json!(*sub.version);
            }
            entries.push(entry);
        }
    }
    entries
}
