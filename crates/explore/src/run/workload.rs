//! Users: they do the steps of a scenario, each process its own one after the other, through the API.

use crate::scenario::{Action, Condition, Repeat, Step, Target};
use apiserver::Request;
use controlplane::machinery::{ApiError, Client, DeleteOptions, persist};
use object::{Key, Map, ObjectExt, Value, value};
use sim::{Ctx, Instant};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How often a step looks whether what it waits for has come.
const POLL: Duration = Duration::from_millis(500);

/// How far a step has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// How often it was done.
    pub(crate) done: u64,
    /// Whether it is over.
    pub(crate) is_over: bool,
    /// The first failure.
    pub(crate) failure: Option<String>,
}

/// How far each step has come, by its place in the scenario.
pub(crate) type Log = Rc<RefCell<Vec<Progress>>>;

/// What one process does.
#[derive(Clone)]
pub(crate) struct Script {
    /// The steps with their places in the scenario.
    pub(crate) steps: Rc<[(usize, Step)]>,
    pub(crate) log: Log,
}

impl Script {
    /// Does all steps.
    pub(crate) async fn run(self, ctx: Ctx, client: Rc<Client>) {
        let mut repeating = Vec::new();
        for (index, step) in self.steps.iter() {
            if let Some(at) = step.at {
                ctx.sleep_until(Instant::START + at).await;
            }
            let actor = Actor { ctx: ctx.clone(), client: client.clone(), step: step.clone() };
            match step.repeat {
                Some(repeat) => {
                    let repetition = self.clone().repeat(actor, repeat, *index);
                    repeating.push(ctx.spawn("repeated-step", repetition));
                }
                None => {
                    let outcome = actor.act(0).await;
                    self.note(*index, outcome, true);
                }
            }
        }
        for task in repeating {
            // A task that was dropped has nothing to tell.
            let _ = task.await;
        }
    }

    async fn repeat(self, actor: Actor, repeat: Repeat, index: usize) {
        let end = Instant::START + repeat.until;
        let mut next = actor.ctx.now();
        for count in 0.. {
            if next > end {
                break;
            }
            actor.ctx.sleep_until(next).await;
            let outcome = actor.act(count).await;
            self.note(index, outcome, false);
            next = (next + repeat.every).max(actor.ctx.now());
        }
        self.log.borrow_mut()[index].is_over = true;
    }

    fn note(&self, index: usize, outcome: Result<(), String>, is_over: bool) {
        let mut log = self.log.borrow_mut();
        let progress = &mut log[index];
        progress.is_over = is_over;
        match outcome {
            Ok(()) => progress.done += 1,
            Err(failure) => {
                progress.failure.get_or_insert(failure);
            }
        }
    }
}

struct Actor {
    ctx: Ctx,
    client: Rc<Client>,
    step: Step,
}

impl Actor {
    /// Does the step, and tries again while the API cannot be reached.
    async fn act(&self, count: u64) -> Result<(), String> {
        match &self.step.action {
            Action::Create(objects) => {
                for (resource, object) in objects {
                    self.create(resource, object).await?;
                }
                Ok(())
            }
            Action::Patch { target, subresource, merge } => {
                let patch = counted(merge, count);
                let Target { resource, namespace, name } = target;
                let send = || self.client.merge_patch(resource, namespace, name, subresource, patch.clone());
                self.persist(target, send).await.map(|_| ())
            }
            Action::Scale { target, replicas } => {
                let patch = value!({"spec": {"replicas": *replicas}});
                let Target { resource, namespace, name } = target;
                let send = || self.client.merge_patch(resource, namespace, name, "", patch.clone());
                self.persist(target, send).await.map(|_| ())
            }
            Action::Delete { target, propagation, grace_s } => {
                let options = DeleteOptions {
                    propagation: *propagation,
                    grace_period_s: *grace_s,
                    ..DeleteOptions::default()
                };
                let Target { resource, namespace, name } = target;
                let send = async || match self.client.delete(resource, namespace, name, &options).await {
                    Err(error) if error.is_not_found() => Ok(Value::Null),
                    other => other,
                };
                self.persist(target, send).await.map(|_| ())
            }
            Action::DeleteAll { target, selector } => {
                let request = || {
                    let request = Request::delete_collection(&target.resource, &target.namespace);
                    request.with(|options| options.label_selector = selector.as_str().into())
                };
                self.persist(target, || self.client.request(request())).await.map(|_| ())
            }
            Action::WaitFor { target, condition, timeout } => {
                self.wait_for(target, condition, *timeout).await
            }
            Action::Sleep(duration) => {
                self.ctx.sleep(*duration).await;
                Ok(())
            }
        }
    }

    async fn create(&self, resource: &object::GroupVersionResource, object: &Value) -> Result<(), String> {
        let target = Target {
            resource: resource.clone(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
        };
        let in_doubt = std::cell::Cell::new(false);
        let send = async || match self.client.create(resource, object).await {
            // An earlier try whose answer was lost has done it.
            Err(error) if error.is_already_exists() && in_doubt.get() => Ok(Value::Null),
            Err(error) => {
                in_doubt.set(in_doubt.get() || error.is_outcome_unknown());
                Err(error)
            }
            other => other,
        };
        self.persist(&target, send).await.map(|_| ())
    }

    /// Sends a request again and again while the answer may be another next time.
    async fn persist(
        &self,
        target: &Target,
        send: impl AsyncFn() -> Result<Value, ApiError>,
    ) -> Result<Value, String> {
        let answer = persist(&self.ctx, self.step.patience, send).await;
        answer.map_err(|error| format!("{target}: {error}"))
    }

    async fn wait_for(
        &self,
        target: &Target,
        condition: &Condition,
        timeout: Duration,
    ) -> Result<(), String> {
        let deadline = self.ctx.now() + timeout;
        loop {
            let found = self.client.get(&target.resource, &target.namespace, &target.name).await;
            let holds = match (&found, condition) {
                (Ok(_), Condition::Exists) => true,
                (Err(error), Condition::Gone) => error.is_not_found(),
                (Ok(object), Condition::True(kind)) => object.condition(kind)["status"] == "True",
                (Ok(object), Condition::Field(path, wanted)) => {
                    path.iter().fold(object, |node, step| &node[step.as_str()]) == wanted
                }
                _ => false,
            };
            if holds {
                return Ok(());
            }
            if self.ctx.now() >= deadline {
                let last =
                    found.err().map_or(String::new(), |error| format!("; the last answer was: {error}"));
                return Err(format!("{target}: not {condition:?} after {} s{last}", timeout.as_secs_f64()));
            }
            self.ctx.sleep(POLL).await;
        }
    }
}

/// Puts the number of a repetition where a patch says `$(count)`.
fn counted(patch: &Value, count: u64) -> Value {
    match patch {
        Value::Str(text) if text.contains("$(count)") => {
            Value::from(text.replace("$(count)", &count.to_string()))
        }
        Value::List(list) => list.iter().map(|item| counted(item, count)).collect(),
        Value::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (key.clone(), counted(value, count)));
            Value::Map(Map::from_pairs(pairs.collect::<Vec<(Key, Value)>>()))
        }
        other => other.clone(),
    }
}
