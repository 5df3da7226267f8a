//! Keyed choices: the only source of chance in a run.
//!
//! A choice is a function of (seed, site, entity, occurrence), not the next number of a shared stream. Taking one
//! fault out of a run, or adding a choice at another site, therefore leaves all the others as they were, which is what
//! makes a failing run shrinkable.

use std::collections::BTreeMap;

use crate::hash::{Table, fold, mix, scale, text};

/// Replaces one choice of a run by a given value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Override {
    /// Where in the code the choice is made.
    pub site: String,
    /// What it is made for.
    pub entity: String,
    /// The how-manieth choice at this site for this entity, from 0.
    pub occurrence: u64,
    /// The value to use; one that is out of the choice's range becomes the largest in it.
    pub value: u64,
}

impl Override {
    /// Makes an override.
    pub fn new(site: impl Into<String>, entity: impl Into<String>, occurrence: u64, value: u64) -> Self {
        Override { site: site.into(), entity: entity.into(), occurrence, value }
    }
}

/// One recorded choice of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Where in the code the choice was made.
    pub site: &'static str,
    /// What it was made for.
    pub entity: String,
    /// The how-manieth choice at this site for this entity, from 0.
    pub occurrence: u64,
    /// The number of possible values.
    pub n: u64,
    /// The value chosen, in `0..n`.
    pub value: u64,
    /// Whether the value came from an override.
    pub overridden: bool,
}

impl Choice {
    /// The override that makes this choice again, whatever the seed.
    pub fn to_override(&self) -> Override {
        Override::new(self.site, self.entity.clone(), self.occurrence, self.value)
    }
}

/// Sites of the kernel's own choices, overridable like all others.
pub(crate) mod site {
    pub(crate) const SCHEDULE: &str = "schedule";
    pub(crate) const LATENCY: &str = "latency";
    pub(crate) const DROP: &str = "drop";
    pub(crate) const DUPLICATE: &str = "duplicate";
}

/// A choice's identity without its occurrence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u64);

struct Entity {
    site: &'static str,
    name: Box<str>,
    next: u64,
}

struct Record {
    entity: u32,
    occurrence: u64,
    n: u64,
    value: u64,
    overridden: bool,
}

pub(crate) struct Choices {
    seed: u64,
    overrides: BTreeMap<(u64, u64), u64>,
    index: Table,
    entities: Vec<Entity>,
    records: Vec<Record>,
    records_max: usize,
    entities_max: usize,
    unrecorded: u64,
}

impl Choices {
    pub(crate) fn new(seed: u64, overrides: &[Override], records_max: usize, entities_max: usize) -> Self {
        let overrides = overrides
            .iter()
            .map(|replaced| {
                ((key(seed, &replaced.site, &replaced.entity).0, replaced.occurrence), replaced.value)
            })
            .collect();
        Choices {
            seed,
            overrides,
            index: Table::default(),
            entities: Vec::new(),
            records: Vec::new(),
            records_max,
            entities_max,
            unrecorded: 0,
        }
    }

    /// Draws the next value in `0..n` for an entity at a site, and whether the table of entities is over its limit.
    pub(crate) fn draw(&mut self, site: &'static str, entity: &str, n: u64) -> (u64, bool) {
        let key = key(self.seed, site, entity);
        let at = self.entity(key, site, || entity.into());
        let occurrence = self.entities[at as usize].next;
        self.entities[at as usize].next += 1;
        let replaced = self.replaced(key, occurrence);
        let value = match replaced {
            Some(value) => value.min(n.saturating_sub(1)),
            None => scale(mix(key.0, occurrence), n),
        };
        self.record(Record { entity: at, occurrence, n, value, overridden: replaced.is_some() });
        (value, self.entities.len() > self.entities_max)
    }

    /// The override of a choice whose occurrences the caller counts.
    pub(crate) fn replaced(&self, key: Key, occurrence: u64) -> Option<u64> {
        if self.overrides.is_empty() {
            return None;
        }
        self.overrides.get(&(key.0, occurrence)).copied()
    }

    /// Records a choice whose occurrences the caller counts.
    pub(crate) fn note(
        &mut self,
        (key, site): (Key, &'static str),
        name: impl FnOnce() -> Box<str>,
        (occurrence, n, value): (u64, u64, u64),
    ) {
        let entity = self.entity(key, site, name);
        let overridden = self.replaced(key, occurrence).is_some();
        self.record(Record { entity, occurrence, n, value, overridden });
    }

    fn entity(&mut self, key: Key, site: &'static str, name: impl FnOnce() -> Box<str>) -> u32 {
        let fresh = self.entities.len() as u32;
        let at = self.index.get_or_insert(key.0, fresh);
        if at == fresh {
            self.entities.push(Entity { site, name: name(), next: 0 });
        }
        at
    }

    fn record(&mut self, record: Record) {
        if self.records.len() < self.records_max {
            self.records.push(record);
        } else {
            self.unrecorded += 1;
        }
    }

    pub(crate) fn recorded(&self) -> Vec<Choice> {
        let choice = |record: &Record| {
            let entity = &self.entities[record.entity as usize];
            Choice {
                site: entity.site,
                entity: entity.name.to_string(),
                occurrence: record.occurrence,
                n: record.n,
                value: record.value,
                overridden: record.overridden,
            }
        };
        self.records.iter().map(choice).collect()
    }

    pub(crate) fn unrecorded(&self) -> u64 {
        self.unrecorded
    }
}

/// The key of all choices at a site for an entity.
pub(crate) fn key(seed: u64, site: &str, entity: &str) -> Key {
    Key(fold(fold(seed, text(site)), text(entity)))
}
