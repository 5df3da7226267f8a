//! The worker of one pod: volumes, images, containers, probes, the end (`pkg/kubelet/pod_workers.go`).

use super::Kubelet;
use super::container::{Container, End, State};
use super::evicted::evicted_status;
use super::status::{Report, compute};
use crate::constants::EVICTION_GRACE;
use crate::dataplane::Socket;
use crate::kinds::PODS;
use crate::machinery::{DeleteOptions, ObjectKey, is_pod_terminal};
use object::{ObjectExt, Text, Time, Value, value};
use sim::Instant;
use sim::sync::Notify;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How long the pull of an image that the node does not have takes.
const PULL_MIN: Duration = Duration::from_millis(800);
const PULL_MAX: Duration = Duration::from_secs(4);
/// From a container's creation to its start.
const START_MIN: Duration = Duration::from_millis(100);
const START_MAX: Duration = Duration::from_millis(600);
/// How often volumes that are not there yet are looked for.
const VOLUME_POLL: Duration = Duration::from_secs(1);
/// How long the unmounting of a pod's volumes takes.
const UNMOUNT_MIN: Duration = Duration::from_millis(100);
const UNMOUNT_MAX: Duration = Duration::from_secs(1);
/// First and longest pause between pulls of an image that cannot be had.
const PULL_PAUSE_MIN: Duration = Duration::from_secs(10);
const PULL_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Pause before a status that could not be written is written again.
const WRITE_PAUSE: Duration = Duration::from_secs(1);

/// Why a node does not take a pod.
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) message: String,
}

/// One pod on its node.
pub(super) struct Worker {
    kubelet: Rc<Kubelet>,
    pod: RefCell<Value>,
    pub(super) changed: Notify,
    is_forgotten: Cell<bool>,
    /// Whether its life is over.
    is_gone: Cell<bool>,
    pub(super) containers: RefCell<Vec<Container>>,
    address: String,
    start_time: Time,
    /// Why the node refused the pod.
    refused: Option<Refusal>,
    /// Why it is evicted.
    pub(super) evicted: RefCell<Option<String>>,
    /// Whether it is as a dump showed it.
    is_adopted: bool,
    /// Whether it uses volumes that nobody has noted yet.
    has_old_volumes: bool,
}

impl Worker {
    pub(super) fn new(kubelet: &Rc<Kubelet>, pod: &Value) -> Rc<Self> {
        let now = kubelet.ctx.now();
        let specs = |field: &str, is_init: bool| {
            let list = pod["spec"][field].items().to_vec();
            list.into_iter().map(move |spec| Container::new(&spec, is_init))
        };
        let mut containers: Vec<Container> =
            specs("initContainers", true).chain(specs("containers", false)).collect();
        if containers.iter().any(|c| c.is_init) {
            for container in &mut containers {
                container.state = State::Waiting { reason: "PodInitializing", due: None };
            }
        }
        let status = &pod["status"];
        let is_restart = kubelet.ctx.incarnation() > 1;
        let has_begun = !status["startTime"].is_null();
        // What a kubelet had not brought to run when it ended, it brings to run when it starts again.
        let is_adopted = has_begun && !(is_restart && status["phase"] == "Pending");
        if has_begun {
            let shown =
                status["initContainerStatuses"].items().iter().chain(status["containerStatuses"].items());
            for one in shown {
                if let Some(container) = containers.iter_mut().find(|c| one["name"] == *c.name) {
                    container.adopt(one, now);
                    if is_restart {
                        let behaviour =
                            kubelet.world.behaviours.borrow().of(pod, &container.spec, container.is_init);
                        let entity = format!("{} {}", pod.full_name(), container.name);
                        container.resume(&kubelet.ctx, &entity, &behaviour);
                    }
                }
            }
        }
        let address = status["podIP"].as_str().map_or_else(|| kubelet.address(), str::to_owned);
        let start_time =
            status["startTime"].as_time().unwrap_or_else(|| Time::from_nanos(kubelet.ctx.wall()));
        let refused = if is_adopted { None } else { kubelet.refusal(pod) };
        let has_old_volumes = is_adopted && !is_pod_terminal(pod);
        if has_old_volumes {
            kubelet.volumes.one_more_unknown();
        }
        Rc::new(Self {
            kubelet: kubelet.clone(),
            pod: RefCell::new(pod.clone()),
            changed: Notify::named("pod-worker"),
            is_forgotten: Cell::new(false),
            is_gone: Cell::new(false),
            containers: RefCell::new(containers),
            address,
            start_time,
            refused,
            evicted: RefCell::default(),
            is_adopted,
            has_old_volumes,
        })
    }

    pub(super) fn update(&self, pod: &Value) {
        *self.pod.borrow_mut() = pod.clone();
        self.changed.notify_one();
    }

    pub(super) fn forget(&self) {
        self.is_forgotten.set(true);
        self.changed.notify_one();
    }

    pub(super) fn pod(&self) -> Value {
        self.pod.borrow().clone()
    }

    /// Lives the pod's life to its end.
    pub(super) async fn run(self: Rc<Self>) {
        if self.has_old_volumes {
            self.kubelet.ctx.spawn("pod-volumes", self.clone().take_over_volumes());
        }
        self.clone().live().await;
        self.close_sockets();
        self.is_gone.set(true);
        self.kubelet.volumes.release(self.pod().uid());
    }

    /// Finds out which volumes a pod that was there before this kubelet uses.
    async fn take_over_volumes(self: Rc<Self>) {
        while !self.is_gone.get() && !self.kubelet.take_over_volumes(&self.pod()).await {
            self.kubelet.ctx.sleep(VOLUME_POLL).await;
        }
        if self.is_gone.get() {
            self.kubelet.volumes.release(self.pod().uid());
        }
        self.kubelet.volumes.one_less_unknown();
    }

    async fn live(self: Rc<Self>) {
        if let Some(refusal) = &self.refused {
            return self.refuse(refusal).await;
        }
        if is_pod_terminal(&self.pod()) && !self.pod().is_deleting() {
            return self.wait_for_deletion().await;
        }
        if !self.is_adopted && !self.start().await {
            return self.finish().await;
        }
        loop {
            if self.is_forgotten.get() {
                return;
            }
            if self.pod().is_deleting() {
                return self.finish().await;
            }
            if self.evicted.borrow().is_some() {
                self.stop(EVICTION_GRACE).await;
                self.close_sockets();
                self.unmount().await;
                self.report().await;
                return self.wait_for_deletion().await;
            }
            self.step();
            self.open_sockets();
            self.report().await;
            if matches!(self.phase(), "Succeeded" | "Failed") {
                self.close_sockets();
                self.unmount().await;
                return self.wait_for_deletion().await;
            }
            self.wait(None).await;
        }
    }

    /// Says what of the pod can be connected to: the containers that run, until they are stopped.
    fn open_sockets(&self) {
        let containers = self.containers.borrow();
        let listeners = containers.iter().filter_map(Container::listener).collect();
        let socket = Socket { pod: self.key(), node: self.kubelet.config.name.clone(), listeners };
        self.kubelet.world.data_plane.borrow_mut().sockets.put(&self.address, socket);
    }

    fn close_sockets(&self) {
        self.kubelet.world.data_plane.borrow_mut().sockets.remove(&self.address, &self.key());
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::of(&self.pod.borrow())
    }

    /// Waits for a change, for the next thing that happens by itself, or for `least`.
    async fn wait(&self, least: Option<Duration>) {
        let ctx = &self.kubelet.ctx;
        let now = ctx.now();
        let due = self.containers.borrow().iter().filter_map(|c| c.next_due(now)).min();
        let due = due.into_iter().chain(least.map(|d| now + d)).min();
        match due {
            // What woke us is looked at by whoever called.
            Some(due) => {
                let _ = ctx.timeout(due.since(now), self.changed.notified()).await;
            }
            None => self.changed.notified().await,
        }
    }

    // ----- starting -----

    /// Brings the pod to where its containers can start; false when it was deleted meanwhile.
    async fn start(&self) -> bool {
        self.report().await;
        while !self.kubelet.prepare_volumes(&self.pod()).await {
            self.wait(Some(VOLUME_POLL)).await;
            if self.is_over() {
                return false;
            }
        }
        let containers = self.containers.borrow().clone();
        for (at, container) in containers.iter().enumerate() {
            if !self.pull(at, container).await {
                return false;
            }
        }
        true
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_forgotten.get() || self.pod.borrow().is_deleting()
    }

    fn draw(&self, site: &'static str, min: Duration, max: Duration) -> Duration {
        self.kubelet.ctx.choose_duration(site, &self.pod.borrow().full_name(), min, max)
    }

    /// Waits for an image; false when the pod was deleted meanwhile.
    async fn pull(&self, at: usize, container: &Container) -> bool {
        let mut pause = PULL_PAUSE_MIN;
        loop {
            let has_it = self.kubelet.images.borrow().contains(&container.image);
            let always = container.spec["imagePullPolicy"] == "Always";
            let pod = self.pod();
            let behaviour =
                self.kubelet.world.behaviours.borrow().of(&pod, &container.spec, container.is_init);
            if !behaviour.image_missing {
                if !has_it || always {
                    self.kubelet.ctx.sleep(self.draw("image-pull", PULL_MIN, PULL_MAX)).await;
                    self.kubelet.images.borrow_mut().insert(container.image.clone());
                }
                return !self.is_over();
            }
            self.kubelet.ctx.sleep(self.draw("image-pull", PULL_MIN, PULL_MAX)).await;
            self.set_waiting(at, "ErrImagePull");
            self.report().await;
            self.set_waiting(at, "ImagePullBackOff");
            let until = self.kubelet.ctx.now() + pause;
            while self.kubelet.ctx.now() < until {
                self.report().await;
                let left = until.since(self.kubelet.ctx.now());
                let _ = self.kubelet.ctx.timeout(left, self.changed.notified()).await;
                if self.is_over() {
                    return false;
                }
            }
            pause = (pause * 2).min(PULL_PAUSE_MAX);
        }
    }

    fn set_waiting(&self, at: usize, reason: &'static str) {
        self.containers.borrow_mut()[at].state = State::Waiting { reason, due: None };
    }

    // ----- running -----

    /// Does what is due.
    fn step(&self) {
        let ctx = &self.kubelet.ctx;
        let now = ctx.now();
        let pod = self.pod();
        let policy = pod["spec"]["restartPolicy"].str().to_owned();
        let mut containers = self.containers.borrow_mut();
        for container in containers.iter_mut() {
            match container.state.clone() {
                State::Waiting { due: Some(due), .. } if due <= now => {
                    let behaviour =
                        self.kubelet.world.behaviours.borrow().of(&pod, &container.spec, container.is_init);
                    let entity = format!("{} {}", pod.full_name(), container.name);
                    container.start(ctx, &entity, &behaviour);
                }
                State::Running { end: Some((at, end)), .. } if at <= now => {
                    let restarts = match (container.is_init, container.is_sidecar()) {
                        (_, true) => true,
                        (true, false) => end.code != 0 && policy != "Never",
                        (false, false) => policy == "Always" || (policy == "OnFailure" && end.code != 0),
                    };
                    container.end(ctx, end, restarts, self.kubelet.config.restart_pause_max);
                }
                _ => {}
            }
        }
        // An init container lets the next one start when it is done, or when it runs if it is a sidecar.
        let mut may_start = true;
        let delay = self.draw("container-start", START_MIN, START_MAX);
        for container in containers.iter_mut() {
            let is_unstarted = matches!(
                container.state,
                State::Waiting { due: None, reason: "PodInitializing" | "ContainerCreating" }
            );
            if may_start && is_unstarted {
                let reason = if container.is_init { "PodInitializing" } else { "ContainerCreating" };
                container.state = State::Waiting { reason, due: Some(now + delay) };
            }
            if container.is_init {
                may_start &= match &container.state {
                    State::Running { .. } => container.is_sidecar(),
                    State::Ended(terminated) => terminated["exitCode"] == 0,
                    _ => false,
                };
            }
        }
    }

    fn phase(&self) -> &'static str {
        let containers = self.containers.borrow();
        if self.evicted.borrow().is_some() && self.has_stopped() {
            return "Failed";
        }
        if self.is_adopted && containers.iter().any(|c| matches!(c.state, State::Frozen(_))) {
            return match self.pod.borrow()["status"]["phase"].str() {
                "Running" => "Running",
                "Succeeded" => "Succeeded",
                "Failed" => "Failed",
                _ => "Pending",
            };
        }
        let code = |c: &Container| if let State::Ended(t) = &c.state { t["exitCode"].as_i64() } else { None };
        if containers.iter().any(|c| c.is_init && code(c).is_some_and(|code| code != 0)) {
            return "Failed";
        }
        let main: Vec<&Container> = containers.iter().filter(|c| !c.is_init).collect();
        if main.iter().all(|c| code(c).is_some()) {
            return if main.iter().all(|c| code(c) == Some(0)) { "Succeeded" } else { "Failed" };
        }
        let has_started =
            |c: &&Container| matches!(c.state, State::Running { .. } | State::Ended(_)) || c.restarts > 0;
        let init_done =
            containers.iter().filter(|c| c.is_init && !c.is_sidecar()).all(|c| code(c) == Some(0));
        if init_done && main.iter().any(has_started) { "Running" } else { "Pending" }
    }

    /// Writes the status if it differs from what the API server has.
    async fn report(&self) {
        let ctx = &self.kubelet.ctx;
        loop {
            let pod = self.pod();
            let status = self.status_of(&pod);
            let differs = status.entries().any(|(key, value)| pod["status"][key.as_str()] != *value);
            if !differs || self.is_forgotten.get() {
                return;
            }
            // The live object tells the conditions that others wrote meanwhile.
            let Ok(live) = self.kubelet.client.get(&PODS, pod.namespace(), pod.name()).await else { return };
            if live.uid() != pod.uid() {
                return;
            }
            let patch = value!({"metadata": {"uid": pod.uid()}, "status": self.status_of(&live)});
            match self.kubelet.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await {
                Ok(updated) => {
                    if updated.revision() > self.pod.borrow().revision() {
                        *self.pod.borrow_mut() = updated;
                    }
                    return;
                }
                Err(error) if error.is_not_found() => return,
                Err(_) => ctx.sleep(WRITE_PAUSE).await,
            }
        }
    }

    fn status_of(&self, pod: &Value) -> Value {
        let containers = self.containers.borrow().clone();
        let has_started = containers.iter().any(|c| !matches!(c.state, State::Waiting { due: None, .. }));
        let status = compute(&Report {
            pod,
            containers: &containers,
            phase: self.phase(),
            address: &self.address,
            start_time: self.start_time,
            sandbox: has_started,
            now: self.kubelet.ctx.now(),
            wall: Time::from_nanos(self.kubelet.ctx.wall()),
        });
        match &*self.evicted.borrow() {
            Some(message) => evicted_status(status, pod, message, Time::from_nanos(self.kubelet.ctx.wall())),
            None => status,
        }
    }

    // ----- ending -----

    async fn refuse(&self, refusal: &Refusal) {
        let pod = self.pod();
        let Refusal { reason, message } = refusal;
        let patch = value!({"metadata": {"uid": pod.uid()}, "status": {
            "phase": "Failed", "reason": reason.as_str(), "message": message.as_str(), "startTime": self.start_time,
        }});
        if let Err(error) =
            self.kubelet.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await
        {
            self.kubelet.ctx.trace("refusal-failed", &pod.full_name(), || error.to_string());
        }
        self.wait_for_deletion().await;
    }

    async fn wait_for_deletion(&self) {
        while !self.is_forgotten.get() {
            if self.pod.borrow().is_deleting() {
                return self.finish().await;
            }
            self.changed.notified().await;
        }
    }

    /// Stops the containers within a grace period.
    async fn stop(&self, grace: Duration) {
        let ctx = &self.kubelet.ctx;
        let pod = self.pod();
        let now = ctx.now();
        let until = self.containers.borrow().iter().filter_map(|c| self.stop_at(&pod, c, now)).max();
        if let Some(until) = until {
            ctx.sleep_until(until.min(now + grace)).await;
        }
        let stopped = ctx.now();
        for container in self.containers.borrow_mut().iter_mut() {
            let code = if stopped >= now + grace && !grace.is_zero() { 137 } else { 0 };
            let reason = if code == 0 { "Completed" } else { "Error" };
            container.end(ctx, End { code, reason }, false, Duration::ZERO);
        }
    }

    /// Stops the containers and removes the pod.
    async fn finish(&self) {
        let ctx = &self.kubelet.ctx;
        let pod = self.pod();
        let grace = pod["metadata"]["deletionGracePeriodSeconds"].int().unsigned_abs();
        self.stop(Duration::from_secs(grace)).await;
        self.close_sockets();
        self.unmount().await;
        if self.is_forgotten.get() {
            return;
        }
        self.report().await;
        let options = DeleteOptions {
            grace_period_s: Some(0),
            uid: Some(Text::from(pod.uid())),
            ..DeleteOptions::default()
        };
        while !self.is_forgotten.get() {
            match self.kubelet.client.delete(&PODS, pod.namespace(), pod.name(), &options).await {
                Ok(_) => return,
                Err(error) if error.is_not_found() || error.is_conflict() => return,
                Err(_) => ctx.sleep(WRITE_PAUSE).await,
            }
        }
    }

    /// Unmounts the volumes, after which the node's status no longer shows them as in use.
    async fn unmount(&self) {
        let uid = self.pod().uid().to_owned();
        if self.kubelet.volumes.are_used_by(&uid) {
            self.kubelet.ctx.sleep(self.draw("volume-unmount", UNMOUNT_MIN, UNMOUNT_MAX)).await;
            self.kubelet.volumes.release(&uid);
        }
    }

    fn stop_at(&self, pod: &Value, container: &Container, now: Instant) -> Option<Instant> {
        if !matches!(container.state, State::Running { .. }) {
            return None;
        }
        let stop = self.kubelet.world.behaviours.borrow().of(pod, &container.spec, container.is_init).stop;
        Some(now + self.draw("container-stop", stop.min, stop.max))
    }
}
