//! Who uses which claim.

use std::collections::BTreeMap;

use object::{ObjectExt, Value};
use report::ObjectRef;

type ByClaim<'a> = BTreeMap<&'a str, BTreeMap<String, Vec<&'a Value>>>;

/// The pods of each claim, those that run or will apart from those that have ended.
pub(super) struct Users<'a> {
    live: ByClaim<'a>,
    ended: ByClaim<'a>,
}

impl<'a> Users<'a> {
    pub(super) fn of(pods: &[&'a Value]) -> Self {
        let mut users = Self { live: BTreeMap::new(), ended: BTreeMap::new() };
        for pod in pods {
            let has_ended = matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed");
            let into = if has_ended { &mut users.ended } else { &mut users.live };
            for claim in claims_of(pod) {
                into.entry(pod.namespace()).or_default().entry(claim).or_default().push(pod);
            }
        }
        users
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.ended.is_empty()
    }

    /// The pods that use a claim and have not ended.
    pub(super) fn of_claim(&self, claim: &Value) -> &[&'a Value] {
        self.of_name(claim.namespace(), claim.name())
    }

    pub(super) fn of_name(&self, namespace: &str, name: &str) -> &[&'a Value] {
        find(&self.live, namespace, name)
    }

    /// The pods that used a claim and have ended.
    pub(super) fn ended_of(&self, claim: &Value) -> &[&'a Value] {
        find(&self.ended, claim.namespace(), claim.name())
    }

    /// Every claim that pods use, with the pods.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&'a str, &str, &[&'a Value])> {
        self.live.iter().flat_map(|(namespace, claims)| {
            claims.iter().map(move |(name, pods)| (*namespace, name.as_str(), pods.as_slice()))
        })
    }

    /// A claim and its pods, as a finding lists them.
    pub(super) fn affected(&self, claim: &Value) -> Vec<ObjectRef> {
        let pods = self.of_claim(claim).iter().map(|pod| ObjectRef::of(pod));
        [ObjectRef::of(claim)].into_iter().chain(pods).collect()
    }
}

fn find<'u, 'a>(map: &'u ByClaim<'a>, namespace: &str, name: &str) -> &'u [&'a Value] {
    map.get(namespace).and_then(|claims| claims.get(name)).map_or(&[], Vec::as_slice)
}

/// Gives the claims a pod uses: those its volumes name, and those of its ephemeral volumes, `<pod>-<volume>`.
pub(super) fn claims_of(pod: &Value) -> Vec<String> {
    let mut claims = Vec::new();
    for volume in pod["spec"]["volumes"].items() {
        let name = volume["persistentVolumeClaim"]["claimName"].str();
        if !name.is_empty() {
            claims.push(name.to_owned());
        } else if !volume["ephemeral"].is_null() {
            claims.push(format!("{}-{}", pod.name(), volume["name"].str()));
        }
    }
    claims.sort();
    claims.dedup();
    claims
}

/// Tells whether a pod waits for its containers to be made, as it does while a volume is missing.
///
/// A pod is Pending while it pulls images and runs init containers as well; then its volumes are there already.
pub(super) fn is_waiting(pod: &Value) -> bool {
    let has_begun = |status: &Value| {
        let (state, reason) = (&status["state"], status["state"]["waiting"]["reason"].str());
        !state["running"].is_null()
            || !state["terminated"].is_null()
            || !matches!(reason, "" | "ContainerCreating" | "PodInitializing")
    };
    let lists = ["initContainerStatuses", "containerStatuses"];
    let mut statuses = lists.iter().flat_map(|list| pod["status"][*list].items());
    pod["status"]["phase"] == "Pending" && !statuses.any(has_begun)
}
