//! Recording: what happens is folded into the trace, and chance is drawn, in one place.

use crate::config::TraceLevel;
use crate::hash::{fold, mix, scale, text};
use crate::kernel::Kernel;
use crate::outcome::Limit;
use crate::process::ProcessId;
use crate::trace::Entry;

/// A kind of event with its hash, which the kernel's own kinds have computed at compile time.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) hash: u64,
}

impl Kind {
    pub(crate) const fn new(name: &'static str) -> Kind {
        Kind { name, hash: text(name) }
    }
}

impl Kernel {
    pub(crate) fn choose(&self, site: &'static str, entity: &str, n: u64) -> u64 {
        let (value, over) = self.choices.borrow_mut().draw(site, entity, n);
        if over {
            self.stop_at_limit(Limit::ChoiceKeys);
        }
        let digest = fold(fold(text(site), text(entity)), value);
        let process = self.current_process();
        self.record(KIND_CHOOSE, process, digest, || (format!("{site} {entity}"), format!("{value} of {n}")));
        value
    }

    /// A latency in nanoseconds between two bounds, by a key whose occurrences the caller counts.
    #[inline]
    pub(crate) fn draw_between(&self, key: u64, occurrence: u64, min: u64, max: u64) -> u64 {
        min + scale(mix(key, occurrence), (max - min).saturating_add(1))
    }

    pub(crate) fn current_process(&self) -> Option<ProcessId> {
        let id = self.current.get()?;
        self.tasks.borrow().get(id).map(|task| task.process)
    }

    /// Folds an event into the trace; the text is built only if it is kept.
    #[inline]
    pub(crate) fn record(
        &self,
        kind: Kind,
        process: Option<ProcessId>,
        digest: u64,
        text: impl FnOnce() -> (String, String),
    ) {
        let origin = process.map_or(0, |process| u64::from(process.index()) + 1);
        let mut trace = self.trace.borrow_mut();
        trace.fold(self.now.get(), kind.hash, digest ^ origin.rotate_right(16));
        if trace.keeps(TraceLevel::Events) {
            drop(trace);
            self.keep(kind, process, text());
        }
    }

    #[cold]
    fn keep(&self, kind: Kind, process: Option<ProcessId>, (subject, detail): (String, String)) {
        let task = self.current_task_name();
        let name = process.map_or_else(|| "".into(), |process| self.processes.borrow().name(process));
        let mut trace = self.trace.borrow_mut();
        let (seq, hash) = (trace.len(), trace.hash());
        let at = self.now.get();
        trace.push(Entry { seq, at, process: name, task, kind: kind.name, subject, detail, hash });
    }
}

const KIND_CHOOSE: Kind = Kind::new("choose");
