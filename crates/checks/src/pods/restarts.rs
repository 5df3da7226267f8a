//! Restarts: judged by when and why the container ended last, not by how often in its life.
//!
//! One glance proves at most two ends in the window: the last one, and the one before which the last run began. The
//! total then tells a loop from an accident. An earlier view gives the true count.

use std::time::Duration;

use object::{ObjectExt, Time, Value};
use report::{Evidence, Outcome};

use super::container::{Container, Place, Role, containers, unready_since};
use super::containers::age;
use super::symptom::Symptom;
use super::{
    OOM_FAIL, OOM_WINDOW, RESTARTS_FAIL, RESTARTS_WARN, RESTARTS_WINDOW, START_GRACE, WAITING_GRACE,
};
use crate::look::Look;
use crate::words::{plural, span};

/// The kubelet forgives earlier crashes once a container has run this long
/// (`kubelet.go`: back-off entries are dropped after twice `MaxContainerBackOff`, 5 minutes).
const FORGIVEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// How a container has ended so far.
struct History<'a> {
    /// Restarts in the container's life.
    total: u64,
    /// The record of the last end.
    end: &'a Value,
    pointer: String,
    started: Option<Time>,
    finished: Option<Time>,
    /// Ends in the window that are proven.
    in_window: u64,
    /// Whether an earlier view covers the whole window, so that the count is exact.
    is_counted: bool,
}

impl<'a> History<'a> {
    fn of(look: &Look<'_>, pod: &Value, container: &Container<'a>) -> Option<Self> {
        let (end, pointer) = container.last_end()?;
        let (started, finished) = (end["startedAt"].as_time(), end["finishedAt"].as_time());
        let window = look.duration(&RESTARTS_WINDOW);
        let total = container.restarts();
        let is_within = |time: Option<Time>| time.is_some_and(|time| look.since(time) < window);
        let glance = u64::from(is_within(finished)) + u64::from(total >= 2 && is_within(started));
        let (in_window, is_counted) = match counted(look, pod, container, window) {
            Some((count, true)) if is_within(finished) => (count, true),
            Some((_, true)) => (0, true),
            Some((count, false)) => (count.max(glance), false),
            None => (glance, false),
        };
        Some(Self { total, end, pointer, started, finished, in_window, is_counted })
    }

    fn is_oom(&self) -> bool {
        // Exit code 137 alone is any SIGKILL: a failed liveness probe's too.
        self.end["reason"] == "OOMKilled"
    }

    fn ran(&self) -> Option<Duration> {
        Some(self.finished?.since(self.started?))
    }

    fn how(&self) -> String {
        let reason = self.end["reason"].as_str().unwrap_or("Error");
        format!("{reason}, exit code {}", self.end["exitCode"].int())
    }

    fn ago(&self, look: &Look<'_>) -> String {
        self.finished.map_or("at an unknown time".to_owned(), |at| format!("{} ago", span(look.since(at))))
    }

    fn evidence(&self, container: &Container<'_>) -> Vec<Evidence> {
        let field = |name: &str| Evidence::new(format!("{}/{name}", self.pointer), self.end[name].str());
        vec![
            field("reason"),
            field("finishedAt"),
            Evidence::new(format!("{}/exitCode", self.pointer), self.end["exitCode"].int().to_string()),
            Evidence::new(container.pointer("restartCount"), self.total.to_string()),
        ]
    }
}

/// Counts restarts since an earlier view of the same container, scaled to the window if the view is older. The flag
/// tells whether that view covers the window.
fn counted(look: &Look<'_>, pod: &Value, container: &Container<'_>, window: Duration) -> Option<(u64, bool)> {
    let previous = look.previous()?;
    let earlier =
        previous.get("pods", pod.namespace(), pod.name()).filter(|earlier| earlier.uid() == pod.uid())?;
    let before = containers(earlier).into_iter().find(|before| before.name == container.name)?;
    let count = container.restarts().saturating_sub(before.restarts());
    let elapsed = look.since(previous.now());
    if elapsed <= window {
        return Some((count, elapsed == window));
    }
    let share = window.as_secs_f64() / elapsed.as_secs_f64();
    Some(((count as f64 * share).round() as u64, true))
}

/// Judges what is certain: a container that is killed for memory, or that crashes again and again.
pub(super) fn judge<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let Some(history) = History::of(look, pod, container) else {
        return unrecorded(look, place);
    };
    out_of_memory(look, place, &history).or_else(|| crash_loop(look, place, &history))
}

fn out_of_memory<'a>(
    look: &mut Look<'a>,
    place: Place<'_, 'a>,
    history: &History<'a>,
) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let window = look.duration(&OOM_WINDOW);
    let is_within = |time: Option<Time>| time.is_some_and(|time| look.since(time) < window);
    if !history.is_oom() || !is_within(history.finished) {
        return None;
    }
    let again = if history.is_counted {
        history.in_window >= 2
    } else {
        history.in_window >= 2 || is_within(history.started) && history.total >= 2
    };
    let is_loop = container.waiting_reason() == "CrashLoopBackOff" && is_established(look, pod, history);
    let is_bad = is_loop || again && history.total >= look.count(&OOM_FAIL);
    let outcome = if is_bad { Outcome::Fail } else { Outcome::Warn };
    let limit = &container.spec["resources"]["limits"]["memory"];
    let now = if container.is_running() && container.is_ready() { "; it runs and is ready now" } else { "" };
    let title = format!(
        "{} was killed for want of memory {}, {} so far{now}",
        place.subject(),
        history.ago(look),
        plural(history.total, "restart")
    );
    let mut symptom = place
        .symptom("POD_OOM_KILLED", outcome, title)
        .since(history.finished)
        .because("each kill drops the requests in flight; between kills the pod looks healthy");
    symptom.evidence = history.evidence(container);
    if let Some(limit) = limit.as_str() {
        let pointer = container.spec_pointer("resources/limits/memory");
        symptom = symptom.evidence(Evidence::new(pointer, limit));
    }
    let logs = format!(" -c {} --previous", container.name);
    Some(
        symptom
            .command("logs", &logs)
            .remedy("raise the memory limit, or find what grows; a higher limit only delays a leak"),
    )
}

fn crash_loop<'a>(look: &mut Look<'a>, place: Place<'_, 'a>, history: &History<'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let is_backing_off = container.waiting_reason() == "CrashLoopBackOff";
    let is_loop = if is_backing_off {
        is_established(look, pod, history)
    } else {
        let enough = look.count(&RESTARTS_FAIL);
        let is_repeated = !history.is_counted && history.in_window >= 2 && history.total >= enough;
        let glance = is_repeated && !has_recovered(look, container, history);
        !is_nodes_doing(history) && (history.in_window >= enough || glance)
    };
    if !is_loop {
        if is_backing_off {
            look.note(format!(
                "Pod {}: {} ended {} and is about to be restarted",
                pod.full_name(),
                place.subject(),
                history.ago(look)
            ));
        }
        return None;
    }
    let ran = history.ran().map_or(String::new(), |ran| format!(" after running {}", span(ran)));
    let title = format!(
        "{} ends again and again: {}{ran}, {}, {} so far",
        place.subject(),
        history.how(),
        history.ago(look),
        plural(history.total, "restart")
    );
    let mut symptom = loop_symptom(place, title).since(history.finished);
    symptom.evidence.extend(history.evidence(container));
    Some(symptom)
}

/// Tells whether the present run has lasted so much longer than the one before that nothing goes round any more.
fn has_recovered(look: &Look<'_>, container: &Container<'_>, history: &History<'_>) -> bool {
    let enough = FORGIVEN_AFTER.max(history.ran().unwrap_or_default() * 2);
    container.is_ready() && container.running_since().is_some_and(|since| look.since(since) > enough)
}

fn loop_symptom<'a>(place: Place<'_, 'a>, title: String) -> Symptom<'a> {
    let Place { container, .. } = place;
    let mut symptom = place
        .symptom("POD_CRASH_LOOP", Outcome::Fail, title)
        .because("it does its work only in the moments between two crashes, if at all");
    if !container.waiting_reason().is_empty() {
        let pointer = container.pointer("state/waiting/reason");
        symptom = symptom.evidence(Evidence::new(pointer, container.waiting_reason()).expected("running"));
    }
    symptom.command("logs", &format!(" -c {} --previous", container.name)).command("describe pod", "")
}

/// Tells a loop from the back-off after a first crash in a long time.
fn is_established(look: &Look<'_>, pod: &Value, history: &History<'_>) -> bool {
    if age(look, pod).is_some_and(|age| age < look.duration(&START_GRACE)) {
        return false;
    }
    let waited = unready_since(pod).is_some_and(|since| look.since(since) >= look.duration(&WAITING_GRACE));
    let short_lived = history.ran().is_none_or(|ran| ran < FORGIVEN_AFTER);
    waited || history.total >= 3 && short_lived
}

/// A container in back-off of whose end nothing is recorded.
fn unrecorded<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let since = unready_since(pod)?;
    if container.waiting_reason() != "CrashLoopBackOff" || look.since(since) < look.duration(&WAITING_GRACE) {
        return None;
    }
    let title = format!(
        "{} is in back-off after crashing, {} so far",
        place.subject(),
        plural(container.restarts(), "restart")
    );
    Some(loop_symptom(place, title).since(Some(since)))
}

/// Judges restarts that are too many to be silent and too few to be a loop.
pub(super) fn judge_rate<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let history = History::of(look, pod, container)?;
    let warn = look.count(&RESTARTS_WARN);
    if history.total < warn {
        return None;
    }
    if is_nodes_doing(&history) {
        look.note(format!("Pod {}: {} was restarted with its node", pod.full_name(), place.subject()));
        return None;
    }
    let enough = if history.is_counted { warn } else { 1 };
    if history.in_window < enough {
        let told = format!("{}, the last {}", plural(history.total, "restart"), history.ago(look));
        look.note(format!("Pod {}: {}: {told}", pod.full_name(), place.subject()));
        return None;
    }
    let window = span(look.duration(&RESTARTS_WINDOW));
    let counted = if history.is_counted { "" } else { "at least " };
    let title = format!(
        "{} was restarted {counted}{} in the last {window} ({}), {} in all",
        place.subject(),
        plural(history.in_window, "time"),
        history.how(),
        history.total
    );
    let mut symptom = place
        .symptom("POD_RESTARTS", Outcome::Warn, title)
        .since(history.finished)
        .because(if container.role == Role::Init {
            "the pod's own containers start only after it has succeeded"
        } else {
            "what ends now and then today may end all the time under load"
        })
        .command("logs", &format!(" -c {} --previous", container.name));
    symptom.evidence = history.evidence(container);
    Some(symptom)
}

/// The end that a reboot of the node leaves behind: the container did nothing wrong.
fn is_nodes_doing(history: &History<'_>) -> bool {
    match history.end["reason"].str() {
        // containerd of a container whose process it does not find again.
        "Unknown" => history.end["exitCode"] == 255,
        // The kubelet of one that it does not find again; it writes exit code 137 (`kubelet_pods.go`).
        "ContainerStatusUnknown" => true,
        _ => false,
    }
}
