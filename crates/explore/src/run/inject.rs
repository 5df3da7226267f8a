//! Putting the faults of a run in force, and ending them.

use crate::plan::PlannedFault;
use crate::scenario::FaultKind;
use controlplane::kinds::LEASES;
use controlplane::{Fault, FaultId, Target, World, etcd};
use sim::{Control, CrashKind, Instant, LinkConfig, ProcessId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Called when etcd was restored, which no commit tells of.
pub(crate) type OnRestore = Rc<dyn Fn(&Control)>;

struct State {
    fault: PlannedFault,
    is_active: bool,
    /// The fault at the API.
    id: Option<FaultId>,
    /// What [`Injector::affected`] counted when a fault below the API began, if it counts anything of its kind.
    before: u64,
    /// Whether it has begun.
    is_struck: bool,
    /// How often a fault below the API mattered: what it struck at once, and, once it is over, what it affected.
    fired: u64,
}

/// The faults of a run.
#[derive(Clone)]
pub(crate) struct Injector {
    world: Rc<World>,
    states: Rc<RefCell<Vec<State>>>,
    on_restore: OnRestore,
}

impl Injector {
    /// Puts every fault on the clock. Nothing happens until the kernel runs.
    pub(crate) fn schedule(
        control: &Control,
        world: &Rc<World>,
        faults: Vec<PlannedFault>,
        on_restore: OnRestore,
    ) -> Self {
        let states = faults.into_iter().map(|fault| State {
            fault,
            is_active: false,
            id: None,
            before: 0,
            is_struck: false,
            fired: 0,
        });
        let injector =
            Self { world: world.clone(), states: Rc::new(RefCell::new(states.collect())), on_restore };
        for index in 0..injector.states.borrow().len() {
            let (at, until) = {
                let states = injector.states.borrow();
                (states[index].fault.at, states[index].fault.until)
            };
            let here = injector.clone();
            control.at(Instant::START + at, move |control| here.begin(index, control));
            if until > at {
                let here = injector.clone();
                control.at(Instant::START + until, move |control| here.end(index, control));
            }
        }
        injector
    }

    /// Gives each fault with how often it mattered.
    pub(crate) fn fired(&self, control: &Control) -> Vec<(PlannedFault, u64)> {
        let faults = self.world.faults.borrow();
        let states = self.states.borrow();
        let fired = |state: &State| match state.id {
            Some(id) => faults.fired(id),
            // A clock that was set wrong matters to whoever reads it, up to the end.
            None if matches!(state.fault.kind, FaultKind::JumpClock { .. }) && state.is_struck => {
                self.affected(&state.fault.kind, control) - state.before
            }
            None => state.fired,
        };
        states.iter().map(|state| (state.fault.clone(), fired(state))).collect()
    }

    /// Counts what faults of a kind, on its place, have affected since the run began: messages that were kept back or
    /// went slowly, tasks that could not run, readings of a clock, calls that etcd held up.
    fn affected(&self, kind: &FaultKind, control: &Control) -> u64 {
        let process = |name: &str| find(control, name);
        match kind {
            FaultKind::StallEtcd | FaultKind::SlowEtcd { .. } => self.world.etcd_held_up.get(),
            FaultKind::Pause { process: name } => control.parkings(process(name)),
            FaultKind::Partition { from, to } => control.traffic(process(from), process(to)).blocked,
            FaultKind::Isolate { process: name } => {
                let cut_off = process(name);
                let others = control.processes().into_iter().filter(|other| *other != cut_off);
                let both =
                    |other| control.traffic(cut_off, other).blocked + control.traffic(other, cut_off).blocked;
                others.map(both).sum()
            }
            FaultKind::SlowLink { from, to, .. } => control.traffic(process(from), process(to)).sent,
            FaultKind::JumpClock { process: name, .. } | FaultKind::DriftClock { process: name, .. } => {
                control.wall_reads(process(name))
            }
            FaultKind::Api(_)
            | FaultKind::LoseLeadership { .. }
            | FaultKind::RestoreEtcd { .. }
            | FaultKind::Crash { .. }
            | FaultKind::BreakConnections { .. } => 0,
        }
    }

    fn kind(&self, index: usize) -> FaultKind {
        self.states.borrow()[index].fault.kind.clone()
    }

    fn begin(&self, index: usize, control: &Control) {
        let name = self.states.borrow()[index].fault.name.clone();
        let kind = self.kind(index);
        control.note("fault-begins", || format!("{name}: {}", kind.name()));
        if let Some(fault) = at_the_api(&kind) {
            let state = self.world.snapshot();
            let id = self.world.faults.borrow_mut().add(fault, state);
            self.states.borrow_mut()[index].id = Some(id);
            self.states.borrow_mut()[index].is_active = true;
            return;
        }
        let before = self.affected(&kind, control);
        let struck = self.strike(&kind, control);
        let mut states = self.states.borrow_mut();
        let state = &mut states[index];
        (state.before, state.is_struck) = (before, true);
        state.fired += struck;
        state.is_active = !kind.is_momentary();
    }

    /// Does a fault below the API; gives how often it mattered at once.
    fn strike(&self, kind: &FaultKind, control: &Control) -> u64 {
        let process = |name: &str| find(control, name);
        match kind {
            FaultKind::Api(_) | FaultKind::LoseLeadership { .. } => {
                unreachable!("faults at the API are put in force elsewhere")
            }
            FaultKind::StallEtcd => self.world.etcd_stalled.set(true),
            FaultKind::SlowEtcd { write } => self.world.etcd_slowness.set(Some(*write)),
            FaultKind::RestoreEtcd { revisions, bump, down } => {
                return u64::from(self.restore(control, *revisions, *bump, *down));
            }
            FaultKind::Crash { process: name, machine } => {
                let ran = control.is_running(process(name));
                control.crash(process(name), if *machine { CrashKind::Machine } else { CrashKind::Process });
                return u64::from(ran);
            }
            FaultKind::Pause { process: name } => control.pause(process(name)),
            FaultKind::Partition { from, to } => control.partition(process(from), process(to)),
            FaultKind::Isolate { process: name } => control.isolate(process(name)),
            FaultKind::SlowLink { from, to, latency: (latency_min, latency_max), loss_ppm } => {
                let link = LinkConfig {
                    latency_min: *latency_min,
                    latency_max: *latency_max,
                    drop_ppm: *loss_ppm,
                    duplicate_ppm: 0,
                };
                control.set_link(process(from), process(to), link);
            }
            FaultKind::BreakConnections { one, other } => {
                return control.break_connections(process(one), process(other));
            }
            FaultKind::JumpClock { process: name, by_ns } => control.jump_wall(process(name), *by_ns),
            FaultKind::DriftClock { process: name, ppm } => control.set_drift_ppm(process(name), *ppm),
        }
        0
    }

    /// Puts etcd back to an older state while it is down; false if that state is no longer kept.
    fn restore(&self, control: &Control, revisions: u64, bump: u64, down: Duration) -> bool {
        let restored = {
            let mut disk = self.world.disk.borrow_mut();
            let revision = disk.revision().saturating_sub(revisions);
            if bump == 0 {
                disk.restore_to(revision)
            } else {
                disk.restore_bumped(revision, revisions.saturating_add(bump))
            }
        };
        control.restart(find(control, etcd::NAME), down);
        if restored.is_ok() {
            (self.on_restore)(control);
        }
        restored.is_ok()
    }

    fn end(&self, index: usize, control: &Control) {
        let affected = self.affected(&self.kind(index), control);
        let (fault, id) = {
            let mut states = self.states.borrow_mut();
            let state = &mut states[index];
            state.is_active = false;
            state.fired += affected.saturating_sub(state.before);
            (state.fault.clone(), state.id)
        };
        control.note("fault-ends", || format!("{}: {}", fault.name, fault.kind.name()));
        if let Some(id) = id {
            self.world.faults.borrow_mut().remove(id);
            if let FaultKind::LoseLeadership { process } = &fault.kind {
                // Who lost its lease has ended; its supervisor starts it again.
                let process = find(control, process);
                if !control.is_running(process) {
                    control.restart(process, Duration::ZERO);
                }
            }
            return;
        }
        // Another fault of the same kind on the same place may go on.
        let goes_on = |state: &State| state.is_active && is_same_place(&state.fault.kind, &fault.kind);
        if !self.states.borrow().iter().any(goes_on) {
            self.undo(&fault.kind, control);
        }
    }

    fn undo(&self, kind: &FaultKind, control: &Control) {
        let process = |name: &str| find(control, name);
        match kind {
            FaultKind::StallEtcd => self.world.etcd_stalled.set(false),
            FaultKind::SlowEtcd { .. } => self.world.etcd_slowness.set(self.slowness_left()),
            FaultKind::Crash { process: name, .. } => control.restart(process(name), Duration::ZERO),
            FaultKind::Pause { process: name } => control.resume(process(name)),
            FaultKind::Partition { from, to } => {
                control.heal(process(from), process(to));
                self.cut_again(control);
            }
            FaultKind::Isolate { process: name } => {
                control.rejoin(process(name));
                self.cut_again(control);
            }
            FaultKind::SlowLink { from, to, .. } => {
                control.set_link(process(from), process(to), LinkConfig::default());
            }
            FaultKind::DriftClock { process: name, .. } => control.set_drift_ppm(process(name), 0),
            FaultKind::Api(_)
            | FaultKind::LoseLeadership { .. }
            | FaultKind::RestoreEtcd { .. }
            | FaultKind::BreakConnections { .. }
            | FaultKind::JumpClock { .. } => {}
        }
    }

    /// Gives how slow etcd still is by the faults that go on: the last of them holds.
    fn slowness_left(&self) -> Option<(Duration, Duration)> {
        let states = self.states.borrow();
        states.iter().rev().filter(|state| state.is_active).find_map(|state| match &state.fault.kind {
            FaultKind::SlowEtcd { write } => Some(*write),
            _ => None,
        })
    }

    /// Cuts again what other faults still hold cut, after a heal that may have mended it.
    fn cut_again(&self, control: &Control) {
        for state in self.states.borrow().iter().filter(|state| state.is_active) {
            match &state.fault.kind {
                FaultKind::Partition { from, to } => {
                    control.partition(find(control, from), find(control, to))
                }
                FaultKind::Isolate { process } => control.isolate(find(control, process)),
                _ => {}
            }
        }
    }
}

/// Gives the fault at the API that a kind stands for.
fn at_the_api(kind: &FaultKind) -> Option<Fault> {
    match kind {
        FaultKind::Api(fault) => Some(fault.clone()),
        // Who leads writes its lease every two seconds; who may not gives up after ten.
        FaultKind::LoseLeadership { process } => Some(Fault::Refuse {
            target: Target::new(process, &LEASES.group_resource().to_string()),
            verb: "update".into(),
            code: 503,
            ppm: 1_000_000,
        }),
        _ => None,
    }
}

fn find(control: &Control, name: &str) -> ProcessId {
    control.find(name).unwrap_or_else(|| panic!("process {name} was there when the run was made"))
}

fn is_same_place(one: &FaultKind, other: &FaultKind) -> bool {
    match (one, other) {
        (FaultKind::StallEtcd, FaultKind::StallEtcd) => true,
        (FaultKind::Crash { process: a, .. }, FaultKind::Crash { process: b, .. })
        | (FaultKind::Pause { process: a }, FaultKind::Pause { process: b })
        | (FaultKind::Isolate { process: a }, FaultKind::Isolate { process: b })
        | (FaultKind::DriftClock { process: a, .. }, FaultKind::DriftClock { process: b, .. }) => a == b,
        (FaultKind::Partition { from: a, to: b }, FaultKind::Partition { from: c, to: d })
        | (FaultKind::SlowLink { from: a, to: b, .. }, FaultKind::SlowLink { from: c, to: d, .. }) => {
            (a, b) == (c, d)
        }
        _ => false,
    }
}
