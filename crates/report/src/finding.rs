//! One root cause: the object it shows on, the evidence, why it matters and what to do.

use std::fmt;

use object::{ObjectExt, Value};
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Names one Kubernetes object. Its fields are spelled as Kubernetes spells them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectRef {
    /// Group and version, such as `apps/v1`; empty when unknown.
    #[serde(default)]
    pub api_version: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object; `namespace` is empty for cluster-scoped ones.
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Names the object of a tree.
    pub fn of(object: &Value) -> Self {
        Self::new(object.api_version(), object.kind(), object.namespace(), object.name())
    }

    /// Gives `namespace/name`, or the name alone of a cluster-scoped object.
    pub fn full_name(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.full_name())
    }
}

/// One value that was read, and what it should have been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The object it was read from, when that is not the finding's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// JSON pointer (RFC 6901) into the object; empty for the object as a whole.
    #[serde(default)]
    pub path: String,
    /// The value that was read, or `absent`.
    pub observed: String,
    /// What a healthy object would show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

impl Evidence {
    /// Makes evidence from a JSON pointer into the finding's own object and the value read there.
    pub fn new(path: impl Into<String>, observed: impl Into<String>) -> Self {
        Self { path: path.into(), observed: observed.into(), ..Self::default() }
    }

    /// Says what a healthy object would show.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says which other object the value was read from.
    #[must_use]
    pub fn on(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }
}

/// How a finding counts towards the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It counts.
    #[default]
    Counted,
    /// It was planted, or a scenario expects it: finding it is the proof that the tool sees.
    Expected,
    /// It was there in the baseline.
    Baseline,
    /// Somebody accepted it, with a reason and an expiry.
    Waived,
}

impl Standing {
    /// Gives the standing as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Expected => "expected",
            Self::Baseline => "baseline",
            Self::Waived => "waived",
        }
    }
}

/// One root cause that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The stable code, such as `POD_CRASH_LOOP`.
    pub code: String,
    /// How bad it is: warn or fail.
    pub outcome: Outcome,
    /// The object it shows on; of several alike, the first by name.
    pub object: ObjectRef,
    /// The workload or other object that the object belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ObjectRef>,
    /// Every object that shows it, the first included, where there are several.
    #[serde(default)]
    pub affected: Vec<ObjectRef>,
    /// One sentence: what is wrong.
    pub title: String,
    /// What was read.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    #[serde(default)]
    pub why: String,
    /// What to do, step by step; commands stand on their own.
    #[serde(default)]
    pub remedy: Vec<String>,
    /// What the finding is about in words that survive between runs: no counts, pod suffixes or times.
    pub subject: String,
    /// 16 hexadecimal digits: FNV-1a (64 bit) over the code, a zero byte and the subject.
    pub identity: String,
    /// Since when it has been so, RFC 3339, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How it counts towards the verdict.
    #[serde(default)]
    pub standing: Standing,
    /// Why it stands so: the waiver's reason, the fault that planted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_reason: Option<String>,
}

impl Finding {
    /// Makes a finding whose subject is the object itself; [`Finding::about`] gives it a steadier one.
    pub fn new(code: &str, outcome: Outcome, object: ObjectRef, title: impl Into<String>) -> Self {
        let subject = object.to_string();
        Self {
            identity: identity(code, &subject),
            code: code.to_owned(),
            outcome,
            object,
            owner: None,
            affected: Vec::new(),
            title: title.into(),
            evidence: Vec::new(),
            why: String::new(),
            remedy: Vec::new(),
            subject,
            since: None,
            standing: Standing::Counted,
            standing_reason: None,
        }
    }

    /// Sets the subject, from which the identity follows: the parts of a name that survive between runs.
    #[must_use]
    pub fn about<'a>(mut self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        self.subject = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        self.identity = identity(&self.code, &self.subject);
        self
    }

    /// Names the owner; an object that nobody owns is not its own.
    #[must_use]
    pub fn owned_by(mut self, owner: ObjectRef) -> Self {
        self.owner = Some(owner).filter(|owner| *owner != self.object);
        self
    }

    /// Lists every object that shows it.
    #[must_use]
    pub fn affecting(mut self, objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        self.affected.extend(objects);
        self
    }

    /// Adds one piece of evidence.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Says why it matters.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Adds one step of what to do.
    #[must_use]
    pub fn remedy(mut self, step: impl Into<String>) -> Self {
        self.remedy.push(step.into());
        self
    }

    /// Says since when it has been so.
    #[must_use]
    pub fn since(mut self, time: impl Into<String>) -> Self {
        self.since = Some(time.into());
        self
    }

    /// Changes how it counts, and says why.
    pub fn set_standing(&mut self, standing: Standing, reason: impl Into<String>) {
        self.standing = standing;
        self.standing_reason = Some(reason.into());
    }

    /// Tells whether it counts towards the verdict.
    pub fn counts(&self) -> bool {
        self.standing == Standing::Counted
    }

    /// Gives the order in which findings are shown: the worst first, then by object.
    pub(crate) fn rank(&self) -> impl Ord + '_ {
        let object = &self.object;
        (
            std::cmp::Reverse(self.outcome),
            &object.namespace,
            &object.kind,
            &object.name,
            &self.code,
            &self.subject,
        )
    }
}

fn identity(code: &str, subject: &str) -> String {
    let bytes = code.bytes().chain([0]).chain(subject.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &str, pod: &str) -> Finding {
        Finding::new(code, Outcome::Fail, ObjectRef::new("v1", "Pod", "shop", pod), "it crashes").about([
            "Deployment",
            "shop",
            "cart",
            "container app",
        ])
    }

    #[test]
    fn identity_survives_a_new_pod_but_not_another_code() {
        let first = finding("POD_CRASH_LOOP", "cart-1-a");
        let later = finding("POD_CRASH_LOOP", "cart-2-b");
        assert_eq!(first.identity, later.identity);
        assert_ne!(first.identity, finding("POD_OOM_KILLED", "cart-1-a").identity);
    }

    #[test]
    fn identity_is_the_documented_hash() {
        // FNV-1a's published test vector for "a\0b" would prove only the constants; this pins the whole rule.
        assert_eq!(identity("", ""), format!("{:016x}", 0xaf63_bd4c_8601_b7df_u64));
    }
}
