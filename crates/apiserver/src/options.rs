//! The options of requests: read from a query or from a `DeleteOptions` body, and checked.
//!
//! Upstream: `metav1.{Get,List,Create,Update,Patch,Delete}Options` and `k8s.io/apimachinery/pkg/apis/meta/*/validation`.

use crate::field::{FieldError, FieldPath};
use crate::request::{PatchType, Verb};
use crate::status::Refusal;
use object::{Text, Value, value};

/// What must hold of an object that is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The uid it must have.
    pub uid: Option<Text>,
    /// The resourceVersion it must have.
    pub resource_version: Option<Text>,
}

/// All options that any verb knows; each verb reads its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Which labels the objects of a list or watch must have.
    pub label_selector: Text,
    /// Which fields the objects of a list or watch must have.
    pub field_selector: Text,
    /// The revision that a read asks for.
    pub resource_version: Text,
    /// How [`Options::resource_version`] is meant: `Exact` or `NotOlderThan`.
    pub resource_version_match: Text,
    /// The most objects that a list gives at once; 0 for all.
    pub limit: usize,
    /// The token with which a list goes on.
    pub continue_token: Text,
    /// When a watch ends, in seconds.
    pub timeout_s: Option<u64>,
    /// Whether a watch wants bookmarks.
    pub allow_watch_bookmarks: bool,
    /// Whether a watch begins with all objects and a bookmark after them.
    pub send_initial_events: Option<bool>,
    /// `All` if nothing is to be stored.
    pub dry_run: Vec<Text>,
    /// Who is said to manage the fields written.
    pub field_manager: Text,
    /// What becomes of unknown fields: `Ignore`, `Warn` or `Strict`.
    pub field_validation: Text,
    /// Whether an apply takes fields over from other managers.
    pub force: Option<bool>,
    /// How long a deleted object may take to end, in seconds.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of the dependents of a deleted object: `Orphan`, `Background` or `Foreground`.
    pub propagation_policy: Option<Text>,
    /// The old form of [`Options::propagation_policy`].
    pub orphan_dependents: Option<bool>,
    /// What must hold of an object to be deleted.
    pub preconditions: Preconditions,
}

impl Options {
    /// Tells whether nothing is to be stored.
    pub fn is_dry_run(&self) -> bool {
        !self.dry_run.is_empty()
    }

    /// Sets the option of a query by its name; unknown names are ignored, as the real server ignores them.
    ///
    /// # Errors
    /// When a number or boolean cannot be read.
    pub fn set_query(&mut self, name: &str, text: &str) -> Result<(), Refusal> {
        match name {
            "labelSelector" => self.label_selector = text.into(),
            "fieldSelector" => self.field_selector = text.into(),
            "resourceVersion" => self.resource_version = text.into(),
            "resourceVersionMatch" => self.resource_version_match = text.into(),
            "limit" => self.limit = usize::try_from(number(text)?).unwrap_or(0),
            "continue" => self.continue_token = text.into(),
            "timeoutSeconds" => self.timeout_s = u64::try_from(number(text)?).ok(),
            "allowWatchBookmarks" => self.allow_watch_bookmarks = boolean(text),
            "sendInitialEvents" => self.send_initial_events = Some(boolean(text)),
            "dryRun" => self.dry_run.push(text.into()),
            "fieldManager" => self.field_manager = text.into(),
            "fieldValidation" => self.field_validation = text.into(),
            "force" => self.force = Some(boolean(text)),
            "gracePeriodSeconds" => self.grace_period_seconds = Some(number(text)?),
            "propagationPolicy" => self.propagation_policy = Some(text.into()),
            "orphanDependents" => self.orphan_dependents = Some(boolean(text)),
            _ => {}
        }
        Ok(())
    }

    /// Reads a `DeleteOptions` object over the options of the query.
    pub fn read_delete_body(&mut self, body: &Value) {
        let text = |value: &Value| value.as_text().cloned();
        self.grace_period_seconds = body["gracePeriodSeconds"].as_i64();
        self.propagation_policy = text(&body["propagationPolicy"]);
        self.orphan_dependents = body["orphanDependents"].as_bool();
        self.dry_run = body["dryRun"].items().iter().filter_map(text).collect();
        self.preconditions = Preconditions {
            uid: text(&body["preconditions"]["uid"]),
            resource_version: text(&body["preconditions"]["resourceVersion"]),
        };
    }

    /// Checks the options that `verb` reads.
    ///
    /// # Errors
    /// With status 422 when one breaks its rule.
    pub fn check(&self, verb: Verb, patch_type: Option<PatchType>) -> Result<(), Refusal> {
        let mut errors = Vec::new();
        let kind = match verb {
            Verb::Get => return Ok(()),
            Verb::List | Verb::Watch => {
                let check = if verb == Verb::List { Self::check_list } else { Self::check_watch };
                check(self, &mut errors);
                "ListOptions"
            }
            Verb::Delete | Verb::DeleteCollection => {
                self.check_delete(&mut errors);
                "DeleteOptions"
            }
            Verb::Create | Verb::Update | Verb::Patch => {
                if verb == Verb::Patch {
                    self.check_patch(patch_type, &mut errors);
                }
                self.check_write(&mut errors);
                match verb {
                    Verb::Create => "CreateOptions",
                    Verb::Update => "UpdateOptions",
                    _ => "PatchOptions",
                }
            }
        };
        if errors.is_empty() { Ok(()) } else { Err(Refusal::invalid_options(kind, &errors)) }
    }

    fn check_dry_run(&self, errors: &mut Vec<FieldError>) {
        if self.dry_run.iter().any(|mode| &**mode != "All") {
            let found = self.dry_run.iter().collect::<Vec<_>>();
            errors.push(FieldError::not_supported(&FieldPath::new("dryRun"), &Value::from(found), &["All"]));
        }
    }

    fn check_write(&self, errors: &mut Vec<FieldError>) {
        let manager = FieldPath::new("fieldManager");
        if self.field_manager.chars().count() > 128 {
            errors.push(FieldError::invalid(
                &manager,
                &value!(&self.field_manager),
                "may not be more than 128 bytes",
            ));
        }
        self.check_dry_run(errors);
        if !matches!(&*self.field_validation, "" | "Ignore" | "Strict" | "Warn") {
            let modes = ["", "Ignore", "Strict", "Warn"];
            let found = value!(&self.field_validation);
            errors.push(FieldError::not_supported(&FieldPath::new("fieldValidation"), &found, &modes));
        }
    }

    fn check_patch(&self, patch_type: Option<PatchType>, errors: &mut Vec<FieldError>) {
        if patch_type == Some(PatchType::Apply) {
            if self.field_manager.is_empty() {
                errors.push(FieldError::required(
                    &FieldPath::new("fieldManager"),
                    "is required for apply patch",
                ));
            }
        } else if self.force.is_some() {
            let detail = "may not be specified for non-apply patch";
            errors.push(FieldError::forbidden(&FieldPath::new("force"), detail));
        }
    }

    fn check_delete(&self, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("propagationPolicy");
        if let Some(policy) = &self.propagation_policy {
            let found = value!(policy);
            if self.orphan_dependents.is_some() {
                let detail = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid(&path, &found, detail));
            }
            if !matches!(&**policy, "Foreground" | "Background" | "Orphan") {
                let policies = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&path, &found, &policies));
            }
        }
        self.check_dry_run(errors);
    }

    fn check_list(&self, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("resourceVersionMatch");
        let mut forbid = |why: &str| errors.push(FieldError::forbidden(&path, why));
        if !self.resource_version_match.is_empty() {
            if self.resource_version.is_empty() {
                forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
            }
            if !self.continue_token.is_empty() {
                forbid("resourceVersionMatch is forbidden when continue is provided");
            }
            if &*self.resource_version_match == "Exact" && &*self.resource_version == "0" {
                forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            }
            if !matches!(&*self.resource_version_match, "Exact" | "NotOlderThan") {
                let found = value!(&self.resource_version_match);
                errors.push(FieldError::not_supported(&path, &found, &["Exact", "NotOlderThan", ""]));
            }
        }
        if self.send_initial_events.is_some() {
            let detail = "sendInitialEvents is forbidden for list";
            errors.push(FieldError::forbidden(&FieldPath::new("sendInitialEvents"), detail));
        }
    }

    fn check_watch(&self, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("resourceVersionMatch");
        let mut forbid = |why: &str| errors.push(FieldError::forbidden(&path, why));
        let matched = &*self.resource_version_match;
        if self.send_initial_events.is_some() && matched != "NotOlderThan" {
            forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }
        if matched.is_empty() {
            return;
        }
        if self.send_initial_events.is_none() {
            forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        }
        if !self.continue_token.is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if matched != "NotOlderThan" {
            let found = value!(&self.resource_version_match);
            errors.push(FieldError::not_supported(&path, &found, &["NotOlderThan"]));
        }
    }
}

fn number(text: &str) -> Result<i64, Refusal> {
    text.parse()
        .map_err(|_| Refusal::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
}

/// Reads a boolean of a query: an empty one is true, and so is all but `false` and `0`.
fn boolean(text: &str) -> bool {
    !matches!(text.to_ascii_lowercase().as_str(), "false" | "0")
}
