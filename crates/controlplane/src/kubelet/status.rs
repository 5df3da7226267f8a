//! The status that a kubelet reports of a pod (`pkg/kubelet/kubelet_pods.go`, `status/generate.go`).

use super::container::{Container, State};
use object::{ObjectExt, Time, Value, value};
use sim::Instant;

/// The conditions that a kubelet owns; all others are left as they are.
const OWNED: [&str; 4] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"];

/// What of a pod is reported.
pub(super) struct Report<'a> {
    pub(super) pod: &'a Value,
    pub(super) containers: &'a [Container],
    pub(super) phase: &'a str,
    pub(super) address: &'a str,
    pub(super) start_time: Time,
    pub(super) sandbox: bool,
    pub(super) now: Instant,
    pub(super) wall: Time,
}

fn container_status(container: &Container, now: Instant) -> Value {
    if let State::Frozen(status) = &container.state {
        return status.clone();
    }
    let (state, started) = match &container.state {
        State::Waiting { reason: "CrashLoopBackOff", .. } => {
            let message = format!("back-off restarting failed container={}", container.name);
            (value!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}), false)
        }
        State::Waiting { reason, .. } => (value!({"waiting": {"reason": *reason}}), false),
        State::Running { since, .. } => (value!({"running": {"startedAt": *since}}), true),
        State::Ended(terminated) => (value!({"terminated": terminated}), false),
        State::Frozen(_) => unreachable!("returned above"),
    };
    let image_id = if started || container.restarts > 0 { container.image.clone() } else { "".into() };
    value!({
        "name": &container.name, "state": state, "lastState": &container.last, "ready": container.is_ready(now),
        "restartCount": container.restarts, "image": &container.image, "imageID": image_id, "started": started,
    })
}

/// Computes the status, keeping the transition times of conditions that do not change.
pub(super) fn compute(report: &Report<'_>) -> Value {
    let Report { pod, containers, phase, now, .. } = report;
    let (init, main): (Vec<&Container>, Vec<&Container>) = containers.iter().partition(|c| c.is_init);
    let unready: Vec<&str> = main.iter().filter(|c| !c.is_ready(*now)).map(|c| &*c.name).collect();
    let uninitialised: Vec<&str> = init
        .iter()
        .filter(
            |c| if c.is_sidecar() { !matches!(c.state, State::Running { .. }) } else { !c.is_ready(*now) },
        )
        .map(|c| &*c.name)
        .collect();
    let is_over = matches!(*phase, "Succeeded" | "Failed");
    let gates = pod["spec"]["readinessGates"].items();
    let gated = gates.iter().any(|gate| pod.condition(gate["conditionType"].str())["status"] != "True");
    let ready = |blocked: bool| match () {
        () if *phase == "Succeeded" => ("False", Some(("PodCompleted", String::new()))),
        () if *phase == "Failed" => ("False", Some(("PodFailed", String::new()))),
        () if !unready.is_empty() => {
            let message = format!("containers with unready status: [{}]", unready.join(" "));
            ("False", Some(("ContainersNotReady", message)))
        }
        () if blocked => {
            ("False", Some(("ReadinessGatesNotReady", "corresponding condition is not true".to_owned())))
        }
        () => ("True", None),
    };
    let initialised = if uninitialised.is_empty() || is_over {
        ("True", None)
    } else {
        let message = format!("containers with incomplete status: [{}]", uninitialised.join(" "));
        ("False", Some(("ContainersNotInitialized", message)))
    };
    let sandbox = if report.sandbox && !is_over { "True" } else { "False" };
    let judged = [(sandbox, None), initialised, ready(gated), ready(false)];
    let conditions = OWNED.iter().zip(judged).map(|(kind, (status, why))| {
        let before = pod.condition(kind);
        let since: Value = if before["status"] == status {
            before["lastTransitionTime"].clone()
        } else {
            report.wall.into()
        };
        let mut condition = value!({
            "type": *kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since,
            "observedGeneration": pod.generation(),
        });
        if let Some((reason, message)) = why {
            condition.set(&["reason"], reason);
            condition.set_or_omit(&["message"], message);
        }
        condition
    });
    let foreign =
        pod["status"]["conditions"].items().iter().filter(|c| !OWNED.iter().any(|kind| c["type"] == *kind));
    let mut status = value!({
        "phase": *phase, "startTime": report.start_time, "hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}],
        "conditions": conditions.chain(foreign.cloned()).collect::<Value>(),
        "containerStatuses": main.iter().map(|c| container_status(c, *now)).collect::<Value>(),
        "observedGeneration": pod.generation(),
    });
    if !init.is_empty() {
        status.set(
            &["initContainerStatuses"],
            init.iter().map(|c| container_status(c, *now)).collect::<Value>(),
        );
    }
    if report.sandbox {
        status.set(&["podIP"], report.address);
        status.set(&["podIPs"], value!([{"ip": report.address}]));
    }
    status
}
