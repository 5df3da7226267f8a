//! Putting the values of parameters where a file says `${…}`.

use super::expression::{Scalar, evaluate};
use super::node::{Document, Read};
use object::{Key, Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Replaces every `${…}` in the texts of a tree; a text that is nothing else becomes a value of its own kind.
pub(crate) struct Substitution<'a> {
    pub(crate) document: &'a Document,
    pub(crate) parameters: &'a BTreeMap<String, Scalar>,
    /// The parameters that were used.
    pub(crate) used: BTreeSet<String>,
}

impl Substitution<'_> {
    pub(crate) fn apply(&mut self, value: &Value, pointer: &str) -> Read<Value> {
        match value {
            Value::Str(text) if text.contains("${") => self.text(text, pointer),
            Value::List(list) => {
                let items =
                    list.iter().enumerate().map(|(at, item)| self.apply(item, &format!("{pointer}/{at}")));
                Ok(Value::List(items.collect::<Read<_>>()?))
            }
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, value)| {
                    let step = key.as_str().replace('~', "~0").replace('/', "~1");
                    Ok((key.clone(), self.apply(value, &format!("{pointer}/{step}"))?))
                });
                Ok(Value::Map(Map::from_pairs(pairs.collect::<Read<Vec<(Key, Value)>>>()?)))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&mut self, text: &str, pointer: &str) -> Read<Value> {
        let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if let Some(expression) = whole.filter(|inner| !inner.contains(['$', '}'])) {
            return Ok(self.evaluate(expression, pointer)?.to_value());
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            // A dollar before it says that it is meant as it stands.
            if let Some(literal) = before.strip_suffix('$') {
                out.push_str(literal);
                out.push_str("${");
                rest = after;
                continue;
            }
            let (expression, after) = after
                .split_once('}')
                .ok_or_else(|| self.document.error(pointer, "${ without a closing brace"))?;
            out.push_str(before);
            out.push_str(&self.evaluate(expression, pointer)?.to_string());
            rest = after;
        }
        out.push_str(rest);
        Ok(Value::from(out))
    }

    fn evaluate(&mut self, expression: &str, pointer: &str) -> Read<Scalar> {
        let result = evaluate(expression, self.parameters, &mut self.used);
        result.map_err(|message| self.document.error(pointer, message))
    }
}
