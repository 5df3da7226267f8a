//! Composing trees from the parser's events.

use super::positions::{Position, Positions};
use super::{Document, Limits, YamlError, scalar};
use crate::{Key, List, Map, Value};
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use std::collections::BTreeMap;

/// The prefix of YAML's own tags, such as `!!str`.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// Reads all documents; `positions`, if asked for, are those of the last one.
pub(super) fn documents(
    text: &str,
    limits: Limits,
    positions: Option<&mut Positions>,
) -> Result<Vec<Document>, YamlError> {
    let mut options = Options::default();
    // Whether comments are given by default hangs on what else in the program uses the parser.
    options.emit_comments = false;
    // The depth is counted here, where the message can say which limit it was.
    options.block_nesting_limit = limits.depth_max + 1;
    options.flow_nesting_limit = limits.depth_max + 1;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, limits, nodes: 0, anchors: BTreeMap::new(), positions };
    let mut documents = Vec::new();
    while let Some((event, _)) = reader.next()? {
        match event {
            Event::DocumentStart(..) => {
                let Some((event, span)) = reader.next()? else { break };
                let line = span.start.line();
                if let Some(positions) = &mut reader.positions {
                    positions.begin(mark(&span));
                }
                let value = reader.node(event, span, limits.depth_max)?;
                reader.anchors.clear();
                if !value.is_null() {
                    documents.push(Document { value, line });
                }
            }
            Event::StreamEnd => break,
            _ => {}
        }
    }
    Ok(documents)
}

struct Reader<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    limits: Limits,
    /// Nodes so far, those that aliases stand for included.
    nodes: usize,
    /// The anchored trees of the document with their numbers of nodes.
    anchors: BTreeMap<usize, (Value, usize)>,
    positions: Option<&'p mut Positions>,
}

/// A key of a map, or the mark that the value is a map to merge in.
enum MapKey {
    Plain(Key),
    Merge,
}

impl MapKey {
    fn name(&self) -> &str {
        match self {
            Self::Plain(key) => key.as_str(),
            Self::Merge => "<<",
        }
    }
}

impl<'a> Reader<'a, '_> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        self.parser.next_event().transpose().map_err(|error| syntax(&error))
    }

    /// Gives the next event within a node, where the text cannot end.
    fn expect(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        let end = || YamlError { message: "text ends within a node".to_owned(), line: 1, column: 1 };
        self.next()?.ok_or_else(end)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes_max {
            return Err(error(span, format!("more nodes than the limit of {}", self.limits.nodes_max)));
        }
        Ok(())
    }

    /// Reads the node that begins with `event`, with at most `depth` lists and maps within each other.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, YamlError> {
        let nodes_before = self.nodes;
        if let Event::Alias(anchor) = event {
            let Some((value, nodes)) = self.anchors.get(&anchor).cloned() else {
                return Err(error(&span, "an anchor's value contains itself"));
            };
            self.count(nodes, &span)?;
            return Ok(value);
        }
        self.count(1, &span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (resolve(&text, style, tag.as_deref()).map_err(|message| error(&span, message))?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(span, depth)?, anchor),
            other => return Err(error(&span, format!("unexpected {other:?}"))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - nodes_before));
        }
        Ok(value)
    }

    fn deeper(depth: usize, span: &Span) -> Result<usize, YamlError> {
        depth.checked_sub(1).ok_or_else(|| error(span, "nested too deeply"))
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Value, YamlError> {
        let depth = Self::deeper(depth, &span)?;
        let mut items = Vec::new();
        loop {
            let (event, span) = self.expect()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::List(List(items.into())));
            }
            if let Some(positions) = &mut self.positions {
                positions.enter(&items.len().to_string(), mark(&span), mark(&span));
            }
            items.push(self.node(event, span, depth)?);
            self.leave();
        }
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<Value, YamlError> {
        let depth = Self::deeper(depth, &span)?;
        let mut pairs = Vec::new();
        loop {
            let (event, span) = self.expect()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Map(Map::from_pairs(pairs)));
            }
            let at = mark(&span);
            let key = self.key(event, span, depth)?;
            let (event, span) = self.expect()?;
            if let Some(positions) = &mut self.positions {
                positions.enter(key.name(), at, mark(&span));
            }
            let value = self.node(event, span, depth)?;
            self.leave();
            match key {
                MapKey::Plain(key) => pairs.push((key, value)),
                MapKey::Merge => merge(&value, &span, &mut pairs)?,
            }
        }
    }

    fn leave(&mut self) {
        if let Some(positions) = &mut self.positions {
            positions.leave();
        }
    }

    /// Reads a key; numbers and booleans become strings, as in upstream's conversion to JSON.
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<MapKey, YamlError> {
        if let Event::Scalar(text, style, 0, None) = &event {
            self.count(1, &span)?;
            let is_plain = matches!(style, ScalarStyle::Plain);
            if is_plain && text == "<<" {
                return Ok(MapKey::Merge);
            }
            let is_word = text.len() > 5 && text.as_bytes()[0].is_ascii_alphabetic();
            if !is_plain || is_word {
                // Every word that means something else than itself is shorter.
                return Ok(MapKey::Plain(Key::new(text)));
            }
            let key = scalar::key(text).map_err(|message| error(&span, message))?;
            return Ok(MapKey::Plain(Key::new(&key)));
        }
        let value = self.node(event, span, depth)?;
        key_of(&value, &span)
    }
}

fn key_of(value: &Value, span: &Span) -> Result<MapKey, YamlError> {
    match value {
        Value::Str(text) => Ok(MapKey::Plain(Key::new(text))),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Ok(MapKey::Plain(Key::new(&value.to_string())))
        }
        Value::Null => Err(error(span, "unsupported map key: null")),
        Value::List(_) => Err(error(span, "unsupported map key: a list")),
        Value::Map(_) => Err(error(span, "unsupported map key: a map")),
    }
}

/// Adds the entries of a map, or of several of which the earlier ones count more; what follows them in the text
/// overrides them.
fn merge(value: &Value, span: &Span, pairs: &mut Vec<(Key, Value)>) -> Result<(), YamlError> {
    let maps = match value {
        Value::Map(_) => std::slice::from_ref(value),
        Value::List(list) => list.as_slice(),
        _ => &[Value::Null],
    };
    for map in maps.iter().rev() {
        let Value::Map(map) = map else {
            return Err(error(span, "map merge requires map or sequence of maps as the value"));
        };
        pairs.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(())
}

fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        None if matches!(style, ScalarStyle::Plain) => scalar::plain(text),
        None => Ok(Value::from(text)),
        Some(tag) => match tag.suffix_in_namespace(CORE_TAGS) {
            Some(name) => scalar::tagged(&name, text),
            // Upstream takes whatever carries a tag it does not know as a string.
            None => Ok(Value::from(text)),
        },
    }
}

fn mark(span: &Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn error(span: &Span, message: impl Into<String>) -> YamlError {
    YamlError { message: message.into(), line: span.start.line(), column: span.start.col() + 1 }
}

fn syntax(error: &ScanError) -> YamlError {
    YamlError { message: error.info(), line: error.marker().line(), column: error.marker().col() + 1 }
}
