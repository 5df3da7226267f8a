//! The containers of a pod, each with its status and its role.

use object::{ObjectExt, Time, Value};
use report::{ObjectRef, Outcome};

use super::symptom::Symptom;

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs once before the others.
    Init,
    /// An init container that keeps running: `restartPolicy: Always` (KEP-753).
    Sidecar,
    /// Runs as long as the pod.
    Main,
}

/// One container of a pod, with the workload that the pod belongs to.
#[derive(Clone, Copy)]
pub(super) struct Place<'p, 'a> {
    pub(super) pod: &'a Value,
    pub(super) owner: &'p ObjectRef,
    pub(super) container: &'p Container<'a>,
}

impl<'a> Place<'_, 'a> {
    /// Begins to tell what the container shows.
    pub(super) fn symptom(&self, code: &'static str, outcome: Outcome, title: String) -> Symptom<'a> {
        Symptom::new(self.pod, code, outcome, self.owner, title).subject(self.subject())
    }

    /// Names what a finding is about, as it survives between runs.
    pub(super) fn subject(&self) -> String {
        self.container.subject()
    }
}

/// One container with its status.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    pub(super) spec: &'a Value,
    pub(super) status: &'a Value,
    /// Where the status lies in the pod: `initContainerStatuses` or `containerStatuses`.
    list: &'static str,
    index: usize,
    /// Where the spec lies: `initContainers` or `containers`.
    spec_list: &'static str,
    spec_index: usize,
}

impl<'a> Container<'a> {
    /// Gives the JSON pointer of a field of the status.
    pub(super) fn pointer(&self, field: &str) -> String {
        format!("/status/{}/{}/{field}", self.list, self.index)
    }

    /// Gives the JSON pointer of a field of the spec.
    pub(super) fn spec_pointer(&self, field: &str) -> String {
        format!("/spec/{}/{}/{field}", self.spec_list, self.spec_index)
    }

    fn subject(&self) -> String {
        match self.role {
            Role::Init => format!("init container {}", self.name),
            Role::Sidecar => format!("sidecar {}", self.name),
            Role::Main => format!("container {}", self.name),
        }
    }

    pub(super) fn waiting(&self) -> &'a Value {
        &self.status["state"]["waiting"]
    }

    pub(super) fn waiting_reason(&self) -> &'a str {
        self.waiting()["reason"].str()
    }

    pub(super) fn running_since(&self) -> Option<Time> {
        self.status["state"]["running"]["startedAt"].as_time()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.status["state"]["running"].is_null()
    }

    pub(super) fn restarts(&self) -> u64 {
        u64::try_from(self.status["restartCount"].int()).unwrap_or(0)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status["ready"].bool()
    }

    /// Gives the latest time the container ended, now or before it was restarted, with where it stands.
    pub(super) fn last_end(&self) -> Option<(&'a Value, String)> {
        [("state", &self.status["state"]), ("lastState", &self.status["lastState"])]
            .into_iter()
            .map(|(field, state)| (&state["terminated"], self.pointer(&format!("{field}/terminated"))))
            .find(|(terminated, _)| !terminated.is_null())
    }

    /// Tells whether it did its work and will not be started again.
    pub(super) fn is_done(&self, restart_policy: &str) -> bool {
        let ended = &self.status["state"]["terminated"];
        let succeeded = !ended.is_null() && ended["exitCode"].int() == 0;
        match self.role {
            Role::Sidecar => false,
            Role::Init => succeeded,
            Role::Main => succeeded && matches!(restart_policy, "Never" | "OnFailure"),
        }
    }
}

/// Gives the containers of a pod in the order in which they start. Debug containers are none of the workload's.
pub(super) fn containers(pod: &Value) -> Vec<Container<'_>> {
    let lists = [("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")];
    let mut all = Vec::new();
    for (specs, list) in lists {
        let statuses = pod["status"][list].items();
        for (spec_index, spec) in pod["spec"][specs].items().iter().enumerate() {
            let name = spec["name"].str();
            let Some(index) = statuses.iter().position(|status| status["name"] == name) else { continue };
            let role = match (specs, spec["restartPolicy"].str()) {
                ("containers", _) => Role::Main,
                (_, "Always") => Role::Sidecar,
                _ => Role::Init,
            };
            let status = &statuses[index];
            all.push(Container { name, role, spec, status, list, index, spec_list: specs, spec_index });
        }
    }
    all
}

/// Gives since when the pod is not ready, or not yet; nothing while it is.
pub(super) fn unready_since(pod: &Value) -> Option<Time> {
    let ready = pod.condition("Ready");
    if ready["status"] == "True" {
        return None;
    }
    ready["lastTransitionTime"].as_time().or_else(|| created(pod))
}

/// Gives when the pod was created.
pub(super) fn created(pod: &Value) -> Option<Time> {
    pod["metadata"]["creationTimestamp"].as_time()
}
