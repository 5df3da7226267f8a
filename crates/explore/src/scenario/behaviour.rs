//! What the programs in containers do, as files say it.

use super::model::BehaviourRule;
use super::node::{Fields, Node, Read};
use controlplane::behaviour::{Behaviour, Course, Span, Target, Usage, Use};
use object::Quantity;
use std::time::Duration;

/// Reads the list of behaviours; the last that matches a container holds.
pub(crate) fn read_behaviours(node: &Node<'_>) -> Read<Vec<BehaviourRule>> {
    node.items()?.iter().map(read_behaviour).collect()
}

fn read_behaviour(node: &Node<'_>) -> Read<BehaviourRule> {
    let mut fields = node.fields()?;
    let at = fields.or("at", Duration::ZERO, Node::duration)?;
    let target = fields.or("pods", Target::default(), read_target)?;
    let default = Behaviour::default();
    let behaviour = Behaviour {
        image_missing: fields.or("imageMissing", default.image_missing, Node::bool)?,
        ready_after: match fields.get("readyAfter") {
            Some(node) if *node.value == "never" => None,
            Some(node) => Some(read_span(&node)?),
            None => default.ready_after,
        },
        course: read_course(&mut fields)?.unwrap_or(default.course),
        stop: fields.or("stopsAfter", default.stop, read_span)?,
        usage: Usage {
            memory: fields.or("memory", Use::default(), read_use)?,
            disk: fields.or("disk", Use::default(), read_use)?,
        },
    };
    fields.finish()?;
    Ok(BehaviourRule { at, target, behaviour })
}

fn read_target(node: &Node<'_>) -> Read<Target> {
    let mut fields = node.fields()?;
    let label = fields.maybe("label", |node| {
        let pair = node.text()?.split_once('=');
        pair.map(|(key, value)| (key.into(), value.into()))
            .ok_or_else(|| node.error("a label looks like key=value"))
    })?;
    let target = Target {
        namespace: fields.text("namespace")?.into(),
        label,
        name_prefix: fields.text("namePrefix")?.into(),
        image: fields.text("image")?.into(),
    };
    fields.finish()?;
    Ok(target)
}

/// Reads how a program ends, if it does.
fn read_course(fields: &mut Fields<'_>) -> Read<Option<Course>> {
    let exits = fields.maybe("exits", |node| {
        let mut fields = node.fields()?;
        let after = read_span(&fields.require("after")?)?;
        let code = fields.or("code", 0, |node| node.int(0, 255))?;
        fields.finish()?;
        Ok(Course::Exits { after, code: i32::try_from(code).unwrap_or(255) })
    })?;
    let killed = fields.maybe("oomKilledAfter", |node| Ok(Course::OomKilled { after: read_span(node)? }))?;
    let hangs = fields.maybe("hangsAfter", |node| Ok(Course::Hangs { after: read_span(node)? }))?;
    let mut given = [exits, killed, hangs].into_iter().flatten();
    match (given.next(), given.next()) {
        (course, None) => Ok(course),
        _ => Err(fields.node().error("a program does one of exits, oomKilledAfter, hangsAfter")),
    }
}

/// Reads how much is used: `{start: 64Mi, growthPerSecond: 1Mi, max: 2Gi}`, or one amount.
fn read_use(node: &Node<'_>) -> Read<Use> {
    if node.value.as_map().is_none() {
        return Ok(Use::steady(read_bytes(node)?));
    }
    let mut fields = node.fields()?;
    let growth_bytes_per_s = read_bytes(&fields.require("growthPerSecond")?)?;
    let bytes_max = read_bytes(&fields.require("max")?)?;
    let start_bytes = fields.or("start", 0, read_bytes)?;
    fields.finish()?;
    Ok(Use { start_bytes, growth_bytes_per_s, bytes_max })
}

fn read_bytes(node: &Node<'_>) -> Read<i64> {
    let amount = Quantity::of(node.value).map_err(|error| node.error(error.to_string()))?.value();
    if amount < 0 { Err(node.error("an amount is not less than nothing")) } else { Ok(amount) }
}

/// Reads a span of time: `{min: 1s, max: 5s}`, or one duration.
fn read_span(node: &Node<'_>) -> Read<Span> {
    if node.value.as_map().is_none() {
        let only = node.duration()?;
        return Ok(Span::new(only, only));
    }
    let mut fields = node.fields()?;
    let (min, max) = (fields.require("min")?.duration()?, fields.require("max")?.duration()?);
    fields.finish()?;
    if max < min { Err(node.error("max is less than min")) } else { Ok(Span::new(min, max)) }
}
