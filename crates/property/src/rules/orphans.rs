//! Every owner that an object names exists.

use super::Scope;
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct NoOrphans {
    scope: Scope,
    /// The uids of all objects.
    existing: BTreeSet<Text>,
    /// The owners of each object that has some, by its uid: a description and the uid of each.
    owners: BTreeMap<Text, Vec<(String, Text)>>,
}

impl NoOrphans {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { scope: Scope::new(arguments), existing: BTreeSet::new(), owners: BTreeMap::new() }
    }

    fn missing<'a>(&'a self, subject: &Subject) -> impl Iterator<Item = &'a str> + use<'a> {
        let owners = self.owners.get(&subject.uid).map_or(&[][..], Vec::as_slice);
        owners.iter().filter(|(_, uid)| !self.existing.contains(uid)).map(|(owner, _)| owner.as_str())
    }
}

impl Rule for NoOrphans {
    fn reads(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn forget(&mut self) {
        self.existing.clear();
        self.owners.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        let Some(uid) = change.object["metadata"]["uid"].as_text() else { return };
        let owners = || {
            let describe = |owner: object::OwnerReference<'_>| format!("{} {}", owner.kind, owner.name);
            change.object.owners().map(|owner| (describe(owner), Text::from(owner.uid))).collect::<Vec<_>>()
        };
        let came_or_went = match change.present() {
            Some(_) => self.existing.insert(uid.clone()),
            None => self.existing.remove(uid),
        };
        let had_owners = self.owners.remove(uid).is_some();
        let has_owners = change.present().is_some() && change.object.owners().next().is_some();
        if has_owners {
            self.owners.insert(uid.clone(), owners());
        }
        if (had_owners || has_owners) && self.scope.covers(change.object.namespace(), "") {
            touched.add(Subject::of(change.object));
        }
        // What was there from the beginning is touched by itself.
        if came_or_went && !change.initial {
            let owned = change.after.owned_by(uid).map(|(_, object)| object);
            touched.extend(owned.filter(|object| self.scope.covers(object.namespace(), "")).map(Subject::of));
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        if !self.owners.contains_key(&subject.uid) {
            return Judgement::Idle;
        }
        Judgement::when(self.missing(subject).next().is_none())
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let missing: Vec<&str> = self.missing(subject).collect();
        Explanation {
            observed: format!("its owner {} does not exist", missing.join(", ")),
            allowed: "every owner exists".to_owned(),
            evidence: Vec::new(),
        }
    }
}
