//! Reading `types.txt`; its form is told in `xtask/src/codegen/types.rs`.

use object::{Key, Text, Value, json};

use crate::resource::split_api_version;
use crate::table::lines;
use crate::types::{FieldData, ListType, ObjectData, PatchStrategy, Scalar, Shape, TypeGraph};
use crate::version::{KubernetesVersion, ReleaseSet};

/// Reads the types of one release.
///
/// # Errors
/// Names the line that could not be read.
pub(crate) fn read_types(text: &str, version: KubernetesVersion) -> Result<TypeGraph, String> {
    let fault = |number: usize, line: &str| format!("types.txt:{number}: {line}");
    let mut graph = TypeGraph::default();
    let mut bodies = Vec::new();
    for (number, line) in lines(text) {
        if let Some(head) = line.strip_prefix("type ") {
            let here = read_head(head, version, &mut graph).ok_or_else(|| fault(number, line))?;
            bodies.push((here, Vec::new()));
        } else if let (Some(field), Some((true, body))) = (line.strip_prefix(' '), bodies.last_mut()) {
            body.push((number, field));
        }
    }
    // Fields name types that come later, so they are read when every type's place is known.
    for (index, (_, body)) in bodies.iter().filter(|(here, _)| *here).enumerate() {
        let mut fields = Vec::with_capacity(body.len());
        for (number, line) in body {
            let (releases, rest) = match line.strip_prefix('@') {
                Some(rest) => rest.split_once(' ').ok_or_else(|| fault(*number, line))?,
                None => ("", *line),
            };
            let having = if releases.is_empty() { None } else { Some(ReleaseSet::parse(releases)) };
            match having {
                Some(None) => return Err(fault(*number, line)),
                Some(Some(having)) if !having.contains(version) => {}
                _ => fields.push(read_field(rest, &graph).ok_or_else(|| fault(*number, line))?),
            }
        }
        graph.objects[index].fields = fields;
    }
    graph.kinds.sort();
    Ok(graph)
}

/// Reads `RELEASES NAME [atomic] [gvk=…]`; adds the type if the release has it and tells whether it does.
fn read_head(head: &str, version: KubernetesVersion, graph: &mut TypeGraph) -> Option<bool> {
    let mut words = head.split(' ');
    if !ReleaseSet::parse(words.next()?)?.contains(version) {
        return Some(false);
    }
    let mut object = ObjectData { name: words.next()?.into(), atomic: false, fields: Vec::new() };
    let index = graph.objects.len();
    for word in words {
        match word.split_once('=') {
            None if word == "atomic" => object.atomic = true,
            Some(("gvk", "*")) => {
                let (_, kind) = object.name.rsplit_once('.')?;
                graph.common_kinds.push((kind.into(), Shape::Object { index, atomic: false }));
            }
            Some(("gvk", list)) => {
                for entry in list.split(',') {
                    let (api_version, kind) = entry.rsplit_once('/')?;
                    let (group, version) = split_api_version(api_version);
                    graph.kinds.push(([group.into(), version.into(), kind.into()], index));
                }
            }
            _ => return None,
        }
    }
    graph.objects.push(object);
    graph.shapes.push(Shape::Object { index, atomic: false });
    Some(true)
}

/// Reads `FIELD SHAPE OPTION…`.
fn read_field(line: &str, graph: &TypeGraph) -> Option<FieldData> {
    let (line, enum_values) = match line.split_once(" enum=") {
        Some((line, values)) => (line, values.split('|').map(Text::from).collect()),
        None => (line, Vec::new()),
    };
    let mut words = line.split(' ');
    let name = Key::new(words.next()?);
    let shape = read_shape(words.next()?, graph)?;
    let mut field = FieldData {
        name,
        shape,
        required: false,
        patch: PatchStrategy::default(),
        merge_key: None,
        default: None,
        enum_values,
    };
    for word in words {
        read_option(word, &mut field)?;
    }
    Some(field)
}

fn read_shape(word: &str, graph: &TypeGraph) -> Option<Shape> {
    let within = |open, close| word.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    if let Some(items) = within('[', ']') {
        let items = Box::new(read_shape(items, graph)?);
        return Some(Shape::List { items, list_type: ListType::Atomic, keys: Vec::new() });
    }
    if let Some(values) = within('{', '}') {
        return Some(Shape::Map { values: Box::new(read_shape(values, graph)?), atomic: false });
    }
    Some(match word {
        "string" => Shape::Scalar(Scalar::String),
        "int32" => Shape::Scalar(Scalar::Int32),
        "int64" => Shape::Scalar(Scalar::Int64),
        "double" => Shape::Scalar(Scalar::Double),
        "boolean" => Shape::Scalar(Scalar::Boolean),
        "byte" => Shape::Scalar(Scalar::Byte),
        "quantity" => Shape::Scalar(Scalar::Quantity),
        "int-or-string" => Shape::Scalar(Scalar::IntOrString),
        "time" => Shape::Scalar(Scalar::Time),
        "micro-time" => Shape::Scalar(Scalar::MicroTime),
        "raw" => Shape::Scalar(Scalar::Raw),
        "any" => Shape::Scalar(Scalar::Any),
        name => {
            let index = graph.objects.binary_search_by(|object| (*object.name).cmp(name)).ok()?;
            Shape::Object { index, atomic: false }
        }
    })
}

fn read_option(word: &str, field: &mut FieldData) -> Option<()> {
    let (option, value) = word.split_once('=').unwrap_or((word, ""));
    match (option, &mut field.shape) {
        ("required", _) => field.required = true,
        ("zero", Shape::Scalar(scalar)) => field.default = Some(zero(*scalar)?),
        ("default", _) => field.default = Some(json::parse(value.as_bytes()).ok()?),
        ("atomic", Shape::Object { atomic, .. } | Shape::Map { atomic, .. }) => *atomic = true,
        ("list", Shape::List { list_type, .. }) => {
            *list_type = match value {
                "set" => ListType::Set,
                "map" => ListType::Map,
                _ => return None,
            }
        }
        ("keys", Shape::List { keys, .. }) => *keys = value.split(',').map(Text::from).collect(),
        ("patch", _) => field.patch = read_strategy(value)?,
        ("key", _) => field.merge_key = Some(value.into()),
        _ => return None,
    }
    Some(())
}

fn read_strategy(value: &str) -> Option<PatchStrategy> {
    let mut strategy = PatchStrategy::default();
    for word in value.split(',') {
        match word {
            "merge" => strategy.merge = true,
            "retainKeys" => strategy.retain_keys = true,
            "replace" => strategy.replace = true,
            _ => return None,
        }
    }
    Some(strategy)
}

/// The zero value of a scalar, where Go's encoder writes it.
fn zero(scalar: Scalar) -> Option<Value> {
    match scalar {
        Scalar::String => Some(Value::from("")),
        Scalar::Int32 | Scalar::Int64 => Some(Value::from(0)),
        Scalar::Boolean => Some(Value::from(false)),
        _ => None,
    }
}
