//! One container: from waiting to running to its end, and again.

use crate::behaviour::{Behaviour, Course, Usage};
use crate::constants::{CONTAINER_BACKOFF_MIN, CONTAINER_BACKOFF_RESET};
use crate::dataplane::Listener;
use object::{Quantity, Text, Time, Value, value};
use sim::{Ctx, Instant};
use std::time::Duration;

/// What a container is doing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// It is not started yet, or again.
    Waiting {
        /// The reason that is shown.
        reason: &'static str,
        /// When it starts; none when it waits for something else.
        due: Option<Instant>,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Time,
        /// The same on the monotonic clock.
        started: Instant,
        /// When it ends by itself, and how.
        end: Option<(Instant, End)>,
        /// When its readiness probe first succeeds.
        ready_at: Option<Instant>,
    },
    /// It ended for good.
    Ended(Value),
    /// It is as a dump showed it, and stays so.
    Frozen(Value),
}

/// How a container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: i32,
    pub(super) reason: &'static str,
}

/// One container of a pod.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) name: Text,
    pub(super) image: Text,
    pub(super) spec: Value,
    pub(super) is_init: bool,
    pub(super) state: State,
    pub(super) last: Value,
    pub(super) restarts: i64,
    usage: Usage,
    pause: Duration,
}

impl Container {
    pub(super) fn new(spec: &Value, is_init: bool) -> Self {
        Self {
            name: spec["name"].str().into(),
            image: spec["image"].str().into(),
            spec: spec.clone(),
            is_init,
            state: State::Waiting {
                reason: if is_init { "PodInitializing" } else { "ContainerCreating" },
                due: None,
            },
            last: Value::map(),
            restarts: 0,
            usage: Usage::default(),
            pause: Duration::ZERO,
        }
    }

    /// Takes over a container as a status shows it: what ran goes on running, everything else stays as it is.
    pub(super) fn adopt(&mut self, status: &Value, now: Instant) {
        self.restarts = status["restartCount"].int();
        self.last = status["lastState"].clone();
        let state = &status["state"];
        if let Some(terminated) = state.get("terminated") {
            self.state = State::Ended(terminated.clone());
        } else if let Some(running) = state.get("running") {
            let since = Time::parse(running["startedAt"].str()).unwrap_or(Time::UNIX_EPOCH);
            let ready_at = status["ready"].bool().then_some(now);
            self.state = State::Running { since, started: now, end: None, ready_at };
        } else if !state.is_empty() {
            self.state = State::Frozen(status.clone());
        }
    }

    /// Goes on with a container that was taken over by a kubelet that starts again: what ran does what its program does,
    /// and what waited, for its turn or for a back-off that nobody remembers, is started.
    pub(super) fn resume(&mut self, ctx: &Ctx, entity: &str, behaviour: &Behaviour) {
        match self.state.clone() {
            State::Running { since, ready_at: was_ready, .. } => {
                self.start(ctx, entity, behaviour);
                if let State::Running { since: now, ready_at, .. } = &mut self.state {
                    (*now, *ready_at) = (since, was_ready.or(*ready_at));
                }
            }
            State::Frozen(_) if self.restarts > 0 => {
                self.state = State::Waiting { reason: "CrashLoopBackOff", due: Some(ctx.now()) };
            }
            State::Frozen(_) => {
                let reason = if self.is_init { "PodInitializing" } else { "ContainerCreating" };
                self.state = State::Waiting { reason, due: None };
            }
            State::Waiting { .. } | State::Ended(_) => {}
        }
    }

    /// Tells whether a sidecar: an init container that goes on running.
    pub(super) fn is_sidecar(&self) -> bool {
        self.is_init && self.spec["restartPolicy"] == "Always"
    }

    /// Starts it.
    pub(super) fn start(&mut self, ctx: &Ctx, entity: &str, behaviour: &Behaviour) {
        let now = ctx.now();
        let draw = |site: &'static str, span: crate::behaviour::Span| {
            ctx.choose_duration(site, entity, span.min, span.max)
        };
        let end = match behaviour.course {
            Course::Forever => None,
            Course::Exits { after, code } => {
                let reason = if code == 0 { "Completed" } else { "Error" };
                Some((now + draw("container-run", after), End { code, reason }))
            }
            Course::OomKilled { after } => {
                Some((now + draw("container-run", after), End { code: 137, reason: "OOMKilled" }))
            }
            Course::Hangs { after } => {
                let probe = &self.spec["livenessProbe"];
                (!probe.is_null()).then(|| {
                    let period = probe["periodSeconds"].as_i64().unwrap_or(10).unsigned_abs();
                    let failures = probe["failureThreshold"].as_i64().unwrap_or(3).unsigned_abs();
                    let found = Duration::from_secs(period * failures);
                    (now + draw("container-run", after) + found, End { code: 137, reason: "Error" })
                })
            }
        };
        self.usage = behaviour.usage;
        let limit = Quantity::of(&self.spec["resources"]["limits"]["memory"]).unwrap_or_default().value();
        let killed = behaviour.usage.memory.reaches(limit).filter(|_| limit > 0);
        let killed = killed.map(|after| (now + after, End { code: 137, reason: "OOMKilled" }));
        let end = end.into_iter().chain(killed).min_by_key(|(at, _)| *at);
        let probe = &self.spec["readinessProbe"];
        let ready_at = if probe.is_null() {
            Some(now)
        } else {
            behaviour.ready_after.map(|span| {
                let delay = Duration::from_secs(probe["initialDelaySeconds"].int().unsigned_abs());
                now + draw("container-ready", span).max(delay)
            })
        };
        self.state = State::Running { since: Time::from_nanos(ctx.wall()), started: now, end, ready_at };
    }

    /// Ends it, and says whether and when it starts again.
    pub(super) fn end(&mut self, ctx: &Ctx, end: End, restarts: bool, pause_max: Duration) {
        let State::Running { since, started, .. } = &self.state else { return };
        let now = ctx.now();
        let ran = now.since(*started);
        let terminated = value!({
            "exitCode": end.code, "reason": end.reason, "startedAt": *since,
            "finishedAt": Time::from_nanos(ctx.wall()),
        });
        if !restarts {
            self.state = State::Ended(terminated);
            return;
        }
        // The first restart follows at once; each later one waits longer, until it ran well for a while.
        let pause = if ran >= CONTAINER_BACKOFF_RESET { Duration::ZERO } else { self.pause };
        self.pause = if pause.is_zero() { CONTAINER_BACKOFF_MIN } else { (pause * 2).min(pause_max) };
        self.last = value!({"terminated": terminated});
        self.restarts += 1;
        let reason = if pause.is_zero() { "ContainerCreating" } else { "CrashLoopBackOff" };
        self.state = State::Waiting { reason, due: Some(now + pause.min(pause_max)) };
    }

    /// Gives what of its node it uses now.
    pub(super) fn used(&self, of: impl Fn(&Usage) -> crate::behaviour::Use, now: Instant) -> i64 {
        match &self.state {
            State::Running { started, .. } => of(&self.usage).after(now.since(*started)),
            _ => 0,
        }
    }

    /// Tells whether it counts as ready.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match &self.state {
            State::Running { ready_at, .. } => ready_at.is_some_and(|at| at <= now),
            State::Ended(terminated) => self.is_init && terminated["exitCode"] == 0,
            State::Frozen(status) => status["ready"].bool(),
            State::Waiting { .. } => false,
        }
    }

    /// Gives what it can be connected to by; none unless it runs.
    pub(super) fn listener(&self) -> Option<Listener> {
        let from = match &self.state {
            State::Running { ready_at, .. } => *ready_at,
            State::Frozen(status) if !status["state"]["running"].is_null() => {
                status["ready"].bool().then_some(Instant::START)
            }
            _ => return None,
        };
        let ports = self.spec["ports"].items().iter().map(|port| port["containerPort"].int()).collect();
        Some(Listener { container: self.name.clone(), ports, from })
    }

    /// Gives when something will happen to it by itself.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Waiting { due, .. } => *due,
            State::Running { end, ready_at, .. } => {
                let ready = ready_at.filter(|at| *at > now);
                end.map(|(at, _)| at).into_iter().chain(ready).min()
            }
            State::Ended(_) | State::Frozen(_) => None,
        }
    }
}
