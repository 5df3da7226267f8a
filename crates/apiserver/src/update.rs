//! Updating objects: the loop in which every change of a stored object runs, and the verb update.
//!
//! Upstream: `Store.Update` and `GuaranteedUpdate` of `k8s.io/apiserver`.

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver, ReadAt};
use crate::field::{FieldError, FieldPath};
use crate::meta;
use crate::response::Response;
use crate::status::{OPTIMISTIC_LOCK, Refusal};
use object::{GroupKind, ObjectExt, Text, Value, value};
use store::{Op, Precondition, Transaction};

/// How often a change is computed anew because another write came first. The real server never gives up; it is
/// bounded here so that no request can run for ever.
const ATTEMPTS_MAX: usize = 1_000;

/// Which half of an object a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// What is wanted.
    Main,
    /// What is the case.
    Status,
    /// A namespace's own finalizers.
    Finalize,
}

impl<D: Driver> Call<'_, D> {
    /// Answers with the object as it is after the update.
    pub async fn update(&self, half: Half) -> Result<Response, Refusal> {
        let body = self.body()?;
        self.check_name(body)?;
        let mut probe = body.clone();
        self.place(&mut probe)?;
        let uid = body["metadata"]["uid"].as_text().filter(|uid| !uid.is_empty()).cloned();
        if half == Half::Main && self.traits.create_on_update && self.read(ReadAt::Latest).await?.is_none() {
            let mut object = self.decoded(body, None)?;
            self.place(&mut object)?;
            object.remove(&["metadata", "resourceVersion"]);
            match self.create_object(object).await {
                Ok(created) => return Ok(Response::object(201, self.shown(created))),
                // Somebody else created it in the meantime: then this is an update after all.
                Err(refusal) if refusal.reason() == "AlreadyExists" => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let ranges = if half == Half::Main { self.ranges().await? } else { None };
        let updated = self.change(uid.as_ref(), |old| {
            let mut new = self.decoded(body, Some(old))?;
            self.place(&mut new)?;
            let mut new = self.prepared(new, old, half)?;
            self.allocate(ranges.as_ref(), &mut new)?;
            Ok(new)
        });
        let updated = updated.await?;
        Ok(Response::object(200, self.shown(updated)))
    }

    /// Checks that a body names the object that the path names.
    pub fn check_name(&self, body: &Value) -> Result<(), Refusal> {
        let (found, asked) = (body.name(), &self.request.name);
        if found.is_empty() {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({asked} based on URL) was undeterminable: name must be provided"
            )));
        }
        if found == &**asked {
            return Ok(());
        }
        Err(Refusal::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({asked})"
        )))
    }

    /// Makes the object to be stored of what a client sent: the resourceVersion is judged, what the client cannot
    /// change is kept, the rules of the kind are asked.
    pub fn prepared(&self, mut new: Value, old: &Value, half: Half) -> Result<Value, Refusal> {
        self.check_revision(&mut new, old)?;
        meta::keep_system_fields(&mut new, old);
        let now = self.driver.now();
        match half {
            Half::Main => {
                if self.traits.splits_status {
                    crate::edit::keep(&mut new, old, &["status"]);
                }
                self.strategy.prepare_update(&mut new, old);
                if self.traits.tracks_generation && self.strategy.changes_intent(&new, old) {
                    new.set(&["metadata", "generation"], old.generation() + 1);
                }
            }
            Half::Status => self.strategy.prepare_status(&mut new, old, now),
            Half::Finalize => crate::edit::keep(&mut new, old, &["status"]),
        }
        let mut errors = Vec::new();
        meta::validate_update(&new, old, &mut errors);
        if half == Half::Main {
            if !new["spec"].same(&old["spec"]) || new["spec"].is_null() {
                self.strategy.validate(&new, &mut errors);
            }
            self.strategy.validate_update(&new, old, &mut errors);
        }
        if errors.is_empty() {
            Ok(new)
        } else {
            Err(Refusal::invalid(&self.group_kind(), old.name(), &errors))
        }
    }

    /// Judges the resourceVersion that a client sent, and sets the present one.
    fn check_revision(&self, new: &mut Value, old: &Value) -> Result<(), Refusal> {
        let (sent, present) =
            (new["metadata"]["resourceVersion"].str(), old["metadata"]["resourceVersion"].str());
        if matches!(sent, "" | "0") {
            if !self.traits.unconditional_update {
                let path = FieldPath::new("metadata").child("resourceVersion");
                let error = FieldError::invalid(&path, &value!(0), "must be specified for an update");
                // The resource stands where the kind belongs: so it does upstream.
                let kind = GroupKind::new(&self.storage.group, &self.storage.resource);
                return Err(Refusal::invalid(&kind, &self.request.name, &[error]));
            }
            new.set(&["metadata", "resourceVersion"], present);
        } else if sent != present {
            return Err(Refusal::conflict(&self.storage, &self.request.name, OPTIMISTIC_LOCK));
        }
        Ok(())
    }

    /// Changes the stored object that the request names, and gives it as it is afterwards.
    ///
    /// The change is computed from what the server happens to hold; only where that leads to a refusal or to nothing,
    /// or the write is overtaken, is it computed anew from the present state.
    pub async fn change(
        &self,
        uid: Option<&Text>,
        make: impl FnMut(&Value) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let name = self.request.name.clone();
        self.change_named(&name, uid, make).await
    }

    /// Changes the stored object of that name, like [`Call::change`].
    pub async fn change_named(
        &self,
        name: &str,
        uid: Option<&Text>,
        mut make: impl FnMut(&Value) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let absent = || Refusal::not_found(&self.storage, name);
        let (held, mut is_present) = match self.read_named(name, ReadAt::Any).await? {
            Some(held) => (Some(held), false),
            None => (self.read_named(name, ReadAt::Latest).await?, true),
        };
        let mut old = held.ok_or_else(absent)?;
        for _ in 0..ATTEMPTS_MAX {
            let outcome = self.check_uid(&old, uid).and_then(|()| make(&old));
            let unfinished = match &outcome {
                Err(_) => true,
                Ok(new) => *new == old,
            };
            if unfinished && !is_present {
                // What was held may be old: no refusal and no silence may rest on it.
                old = self.read_named(name, ReadAt::Latest).await?.ok_or_else(absent)?;
                is_present = true;
                continue;
            }
            let new = outcome?;
            if new == old || self.request.options.is_dry_run() {
                return Ok(new);
            }
            if self.is_end(&new, &old) {
                return self.remove_changed(new, uid).await;
            }
            let transaction =
                Transaction::put(&self.storage, new).when(Precondition::revision(old.revision()));
            match self.driver.commit(transaction).await {
                Ok(committed) => return Ok(committed.object),
                Err(CommitError::Conflict(conflict)) => {
                    old = conflict.current.ok_or_else(absent)?;
                    is_present = true;
                }
                Err(error) => return Err(commit_refusal(error)),
            }
        }
        Err(Refusal::conflict(&self.storage, name, OPTIMISTIC_LOCK))
    }

    fn check_uid(&self, old: &Value, uid: Option<&Text>) -> Result<(), Refusal> {
        let Some(uid) = uid.filter(|uid| ***uid != *old.uid()) else { return Ok(()) };
        let key = crate::call::etcd_key(&self.storage, old.namespace(), old.name());
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
             failed: UID in precondition: {uid}, UID in object meta: {}",
            old.uid()
        );
        Err(Refusal::conflict(&self.storage, old.name(), &why))
    }

    /// Tells whether an update took away the last thing that kept a deleting object.
    fn is_end(&self, new: &Value, old: &Value) -> bool {
        let namespace_is_kept = &*self.resource.plural == "namespaces"
            && self.resource.group.is_empty()
            && !new["spec"]["finalizers"].is_empty();
        old.is_deleting()
            && new["metadata"]["finalizers"].is_empty()
            && old["metadata"]["deletionGracePeriodSeconds"].int() == 0
            && !namespace_is_kept
    }

    /// Removes an object whose update was its end. The client gets the object it sent, watchers the one stored.
    async fn remove_changed(&self, new: Value, uid: Option<&Text>) -> Result<Value, Refusal> {
        let precondition = match uid {
            Some(uid) => Precondition::uid(uid),
            None => Precondition::present(),
        };
        let transaction = Transaction {
            resource: self.storage.clone(),
            namespace: new.namespace().into(),
            name: new.name().into(),
            op: Op::Delete { final_object: None },
            precondition,
        };
        match self.driver.commit(transaction).await {
            Ok(_) => Ok(new),
            // Another one removed the last finalizer, too.
            Err(CommitError::Conflict(conflict)) if conflict.current.is_none() => Ok(new),
            Err(CommitError::Conflict(_)) => {
                Err(Refusal::conflict(&self.storage, new.name(), OPTIMISTIC_LOCK))
            }
            Err(error) => Err(commit_refusal(error)),
        }
    }
}
