//! What users do, as files say it.

use super::model::{Action, Condition, Repeat, Step, Target};
use super::node::{Fields, Node, Read};
use object::{ObjectExt, Selector, Value};
use schema::{Resource, Schema};
use std::time::Duration;

/// How long a step is tried again when the API cannot be reached.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a step waits for something unless it says otherwise.
const WAIT: Duration = Duration::from_secs(300);
/// The most objects that one step creates.
const OBJECTS_MAX: usize = 10_000;
/// The most replicas a step may ask for.
const REPLICAS_MAX: i64 = 1_000_000;

/// What a step refers to.
pub(crate) struct Surroundings<'a> {
    pub(crate) schema: &'a Schema,
    /// When a repetition ends that says nothing about it.
    pub(crate) faults_stop: Duration,
    pub(crate) load: super::Loader<'a>,
}

/// Reads the list of steps.
pub(crate) fn read_steps(node: &Node<'_>, around: &Surroundings<'_>) -> Read<Vec<Step>> {
    node.items()?.iter().enumerate().map(|(at, item)| read_step(item, at, around)).collect()
}

fn read_step(node: &Node<'_>, index: usize, around: &Surroundings<'_>) -> Read<Step> {
    let mut fields = node.fields()?;
    let actor = fields.or("as", "user".to_owned(), |node| node.text().map(str::to_owned))?;
    let at = fields.maybe("at", Node::duration)?;
    let every = fields.maybe("every", positive)?;
    let until = fields.maybe("until", Node::duration)?;
    if until.is_some() && every.is_none() {
        return Err(node.error("until without every: what is done once has no end"));
    }
    let repeat = every.map(|every| Repeat { every, until: until.unwrap_or(around.faults_stop) });
    let patience = fields.or("patience", PATIENCE, Node::duration)?;
    let (verb, action) = read_action(&mut fields, around)?;
    if repeat.is_some() && matches!(action, Action::Sleep(_) | Action::WaitFor { .. }) {
        return Err(node.error(format!("{verb} cannot be repeated")));
    }
    let name = fields.or("name", format!("step-{index} {verb}"), |node| node.text().map(str::to_owned))?;
    fields.finish()?;
    Ok(Step { name, actor, at, repeat, patience, action })
}

fn positive(node: &Node<'_>) -> Read<Duration> {
    let duration = node.duration()?;
    if duration.is_zero() { Err(node.error("must be longer than nothing")) } else { Ok(duration) }
}

type ReadAction = fn(&Node<'_>, &Surroundings<'_>) -> Read<Action>;

/// The actions by the field that holds their details.
const ACTIONS: &[(&str, ReadAction)] = &[
    ("create", |node, around| {
        let objects = read_objects(node, around)?;
        let resources =
            objects.into_iter().map(|(resource, object)| (resource.group_version_resource(), object));
        Ok(Action::Create(resources.collect()))
    }),
    ("patch", |node, around| {
        let mut fields = node.fields()?;
        let subresource = fields.text("subresource")?;
        let merge = fields.require("merge")?;
        merge.fields()?;
        let action = Action::Patch {
            target: read_target(&mut fields, around)?,
            subresource,
            merge: merge.value.clone(),
        };
        fields.finish()?;
        Ok(action)
    }),
    ("scale", |node, around| {
        let mut fields = node.fields()?;
        let replicas = fields.require("replicas")?.int(0, REPLICAS_MAX)?;
        let action = Action::Scale { target: read_target(&mut fields, around)?, replicas };
        fields.finish()?;
        Ok(action)
    }),
    ("delete", |node, around| {
        let mut fields = node.fields()?;
        let words = [("Orphan", "Orphan"), ("Background", "Background"), ("Foreground", "Foreground")];
        let propagation = fields.maybe("propagation", |node| node.word(&words))?;
        let grace_s = fields.maybe("gracePeriodSeconds", |node| node.int(0, i64::from(u32::MAX)))?;
        let target = read_target(&mut fields, around)?;
        fields.finish()?;
        Ok(Action::Delete { target, propagation, grace_s })
    }),
    ("deleteAll", |node, around| {
        let mut fields = node.fields()?;
        let selector = fields.text("selector")?;
        if let Err(error) = Selector::parse(&selector) {
            return Err(fields.require("selector")?.error(error.to_string()));
        }
        let (resource, namespace) = read_resource(&mut fields, around)?;
        fields.finish()?;
        let target = Target { resource: resource.group_version_resource(), namespace, name: String::new() };
        Ok(Action::DeleteAll { target, selector })
    }),
    ("waitFor", |node, around| {
        let mut fields = node.fields()?;
        let target = read_target(&mut fields, around)?;
        let timeout = fields.or("timeout", WAIT, Node::duration)?;
        let condition = read_condition(&mut fields)?;
        fields.finish()?;
        Ok(Action::WaitFor { target, condition, timeout })
    }),
    ("sleep", |node, _| Ok(Action::Sleep(node.duration()?))),
];

fn read_action(fields: &mut Fields<'_>, around: &Surroundings<'_>) -> Read<(&'static str, Action)> {
    let mut found: Option<(&'static str, Action)> = None;
    for (name, read) in ACTIONS {
        let Some(node) = fields.get(name) else { continue };
        if let Some((first, _)) = &found {
            return Err(node.error(format!("one step either does {first} or {name}, not both")));
        }
        found = Some((name, read(&node, around)?));
    }
    let known: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| match fields.others().find(|name| *name != "name") {
        Some(other) => fields.node().error(super::error::unknown("action", other, &known)),
        None => fields.node().error(format!("what is to be done is missing: one of {}", known.join(", "))),
    })
}

fn read_condition(fields: &mut Fields<'_>) -> Read<Condition> {
    let gone = fields.or("gone", false, Node::bool)?;
    let condition = fields.maybe("condition", |node| node.text().map(str::to_owned))?;
    let field = fields.maybe("field", |node| node.text().map(str::to_owned))?;
    let equals = fields.get("equals");
    match (gone, condition, field, equals) {
        (false, None, None, None) => Ok(Condition::Exists),
        (true, None, None, None) => Ok(Condition::Gone),
        (false, Some(kind), None, None) => Ok(Condition::True(kind)),
        (false, None, Some(field), Some(equals)) => {
            let path = field.split('.').filter(|step| !step.is_empty()).map(str::to_owned);
            Ok(Condition::Field(path.collect(), equals.value.clone()))
        }
        _ => Err(fields
            .node()
            .error("wait for one of: gone: true, condition: TYPE, field: PATH with equals: VALUE")),
    }
}

fn read_resource<'s>(fields: &mut Fields<'_>, around: &Surroundings<'s>) -> Read<(&'s Resource, String)> {
    let kind = fields.require("kind")?;
    let text = kind.text()?;
    let resource = around.schema.find(text).ok_or_else(|| {
        let kinds: Vec<&str> = around.schema.resources_by_default().map(|resource| &*resource.kind).collect();
        let meant = super::error::nearest(text, &kinds).map(|meant| format!("; did you mean {meant:?}?"));
        kind.error(format!(
            "Kubernetes {} has no kind {text:?}{}",
            around.schema.version(),
            meant.unwrap_or_default()
        ))
    })?;
    let namespace = fields.get("namespace");
    let namespace = match (namespace, resource.namespaced) {
        (None, true) => "default".to_owned(),
        (None, false) => String::new(),
        (Some(node), true) => node.text()?.to_owned(),
        (Some(node), false) => return Err(node.error(format!("{} lies in no namespace", resource.kind))),
    };
    Ok((resource, namespace))
}

fn read_target(fields: &mut Fields<'_>, around: &Surroundings<'_>) -> Read<Target> {
    let (resource, namespace) = read_resource(fields, around)?;
    let name = fields.require("name")?.text()?.to_owned();
    Ok(Target { resource: resource.group_version_resource(), namespace, name })
}

/// Reads an object, a list of objects, or files of objects, with the resource of each.
pub(crate) fn read_objects<'s>(
    node: &Node<'_>,
    around: &Surroundings<'s>,
) -> Read<Vec<(&'s Resource, Value)>> {
    let mut objects = Vec::new();
    let items = if node.value.as_list().is_some() { node.items()? } else { vec![node.clone()] };
    for item in &items {
        let mut fields = item.fields()?;
        match fields.get("file") {
            Some(file) => {
                fields.finish()?;
                let text = (around.load)(file.text()?).map_err(|error| file.error(error))?;
                let documents = object::yaml::parse_all(&text);
                let documents =
                    documents.map_err(|error| file.error(format!("{}: {error}", file.value.str())))?;
                for object in documents {
                    objects.push(place_object(&file, object, around)?);
                }
            }
            None => objects.push(place_object(item, item.value.clone(), around)?),
        }
        if objects.len() > OBJECTS_MAX {
            return Err(item.error(format!("more than {OBJECTS_MAX} objects")));
        }
    }
    Ok(objects)
}

/// Finds the resource of an object, and puts one without a namespace that needs one into `default`.
fn place_object<'s>(
    node: &Node<'_>,
    mut object: Value,
    around: &Surroundings<'s>,
) -> Read<(&'s Resource, Value)> {
    let (group, version) = schema::split_api_version(object.api_version());
    let (kind, name) = (object.kind().to_owned(), object.name().to_owned());
    if kind.is_empty() || object.api_version().is_empty() {
        return Err(node.error("an object needs apiVersion and kind"));
    }
    let resource = around.schema.resource_for_kind(group, version, &kind).ok_or_else(|| {
        let release = around.schema.version();
        node.error(format!("Kubernetes {release} has no kind {kind} in {}", object.api_version()))
    })?;
    if name.is_empty() && object["metadata"]["generateName"].str().is_empty() {
        return Err(node.error(format!("a {kind} needs metadata.name")));
    }
    if resource.namespaced && object.namespace().is_empty() {
        object.set(&["metadata", "namespace"], "default");
    }
    Ok((resource, object))
}
