//! Which volume a claim gets (`persistentvolume/index.go`, `storage/volume/pv_helpers.go`).

use crate::volumes::{capacity_of, class_of, is_bound_to, mode_of, request_of};
use object::{ObjectExt, Selector, Value};

/// Chooses a volume: among those with the fewest access modes that suffice, one held for the claim, or else the
/// smallest that is free and large enough. A claim that waits for its first consumer only gets what is held for it.
pub(super) fn best_match(volumes: &[Value], claim: &Value, waits: bool) -> Option<Value> {
    let wanted = claim["spec"]["accessModes"].items();
    let modes = |volume: &Value| volume["spec"]["accessModes"].items().len();
    let mut candidates: Vec<&Value> = volumes
        .iter()
        .filter(|volume| {
            let has = volume["spec"]["accessModes"].items();
            wanted.iter().all(|mode| has.contains(mode)) && could_hold(volume, claim)
        })
        .collect();
    candidates.sort_by_key(|volume| (modes(volume), capacity_of(volume)));
    candidates.chunk_by(|a, b| modes(a) == modes(b)).find_map(|group| {
        let held = group.iter().find(|volume| is_bound_to(volume, claim));
        let free = || group.iter().find(|volume| !waits && is_free_for(volume, claim));
        held.or_else(free).map(|volume| (*volume).clone())
    })
}

/// Tells whether a volume is large enough, of the right mode, to stay, and not another claim's.
fn could_hold(volume: &Value, claim: &Value) -> bool {
    (volume["spec"]["claimRef"].is_null() || is_bound_to(volume, claim))
        && capacity_of(volume) >= request_of(claim)
        && mode_of(volume) == mode_of(claim)
        && !volume.is_deleting()
}

fn is_free_for(volume: &Value, claim: &Value) -> bool {
    let selector = &claim["spec"]["selector"];
    let is_selected = || {
        selector.is_null()
            || Selector::from_label_selector(selector).is_ok_and(|s| s.matches(volume.labels()))
    };
    volume["status"]["phase"] == "Available" && class_of(volume) == class_of(claim) && is_selected()
}

/// Tells whether a volume that a claim asks for by name is what it asks for (`checkVolumeSatisfyClaim`).
pub(super) fn satisfies(volume: &Value, claim: &Value) -> bool {
    let has = volume["spec"]["accessModes"].items();
    capacity_of(volume) >= request_of(claim)
        && class_of(volume) == class_of(claim)
        && mode_of(volume) == mode_of(claim)
        && claim["spec"]["accessModes"].items().iter().all(|mode| has.contains(mode))
}
