//! Creating objects.

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver};
use crate::meta;
use crate::response::Response;
use crate::status::Refusal;
use object::{ObjectExt, Value};
use store::{Transaction, Unmet};

/// How often a generated name is drawn anew when it is taken.
const NAME_ATTEMPTS_MAX: usize = 8;

impl<D: Driver> Call<'_, D> {
    /// Answers with the object created.
    pub async fn create(&self) -> Result<Response, Refusal> {
        let mut object = self.decoded(self.body()?, None)?;
        self.place(&mut object)?;
        let created = self.create_object(object).await?;
        Ok(Response::object(201, self.shown(created)))
    }

    /// Stores a decoded object as a new one.
    pub async fn create_object(&self, mut object: Value) -> Result<Value, Refusal> {
        if object.get("metadata").is_some_and(|metadata| !metadata["resourceVersion"].is_empty()) {
            return Err(Refusal::internal("resourceVersion should not be set on objects to be created"));
        }
        for field in
            ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink", "generation"]
        {
            object.remove(&["metadata", field]);
        }
        let now = self.driver.now();
        object.set(&["metadata", "uid"], self.driver.uid());
        object.set(&["metadata", "creationTimestamp"], now);
        let base = object["metadata"]["generateName"].str().to_owned();
        let generates = object.name().is_empty() && !base.is_empty();
        for attempt in 1.. {
            let mut object = object.clone();
            if generates {
                object.set(&["metadata", "name"], meta::generated_name(&base, &self.driver.name_suffix()));
            }
            let name = object.name().to_owned();
            match self.create_named(object).await? {
                Some(created) => return Ok(created),
                None if !generates => return Err(Refusal::already_exists(&self.storage, &name)),
                None if attempt == NAME_ATTEMPTS_MAX => {
                    return Err(Refusal::name_not_generated(&self.storage, &name));
                }
                None => {}
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Stores an object under the name it has; gives `None` if the name is taken.
    async fn create_named(&self, mut object: Value) -> Result<Option<Value>, Refusal> {
        self.admit(&mut object).await?;
        let traits = self.traits;
        if traits.splits_status && &*self.resource.plural != "nodes" {
            object.remove(&["status"]);
        }
        if traits.tracks_generation {
            object.set(&["metadata", "generation"], 1);
        }
        self.strategy.prepare_create(&mut object, self.driver.now());
        self.strategy.shape_status(&mut object).map_err(|error| Refusal::bad_request(error.to_string()))?;
        let ranges = self.ranges().await?;
        self.allocate(ranges.as_ref(), &mut object)?;
        let mut errors = Vec::new();
        meta::validate(&object, traits.name, &mut errors);
        self.strategy.validate(&object, &mut errors);
        if !errors.is_empty() {
            return Err(Refusal::invalid(&self.group_kind(), object.name(), &errors));
        }
        if self.request.options.is_dry_run() {
            let taken = self.read_named(object.name(), crate::driver::ReadAt::Latest).await?.is_some();
            return Ok((!taken).then_some(object));
        }
        self.charge_quota(&object).await?;
        match self.driver.commit(Transaction::create(&self.storage, object)).await {
            Ok(committed) => Ok(Some(committed.object)),
            Err(CommitError::Conflict(conflict)) if conflict.unmet == Unmet::Exists => Ok(None),
            Err(error) => Err(commit_refusal(error)),
        }
    }
}
