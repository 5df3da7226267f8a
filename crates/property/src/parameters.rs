//! Parameters of rules: declared with a type, a default and bounds, and read from a scenario file's values.

use object::{GoDuration, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterType {
    /// A whole number within bounds.
    Int {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A number that is not negative.
    Number,
    /// `true` or `false`.
    Bool,
    /// A duration such as `90s` or `5m`.
    Duration,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

impl ParameterType {
    fn describe(self) -> String {
        match self {
            Self::Int { min, max: i64::MAX } => format!("a whole number from {min}"),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number => "a number that is not negative".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Duration => "a duration such as 90s or 5m".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Int { min, max } => value.as_i64().is_some_and(|number| (min..=max).contains(&number)),
            Self::Number => number(value).is_some_and(|number| number.is_finite() && number >= 0.0),
            Self::Bool => value.as_bool().is_some(),
            Self::Duration => duration(value).is_some(),
            Self::Text => value.as_str().is_some(),
            Self::Texts => {
                value.as_list().is_some_and(|list| list.iter().all(|item| item.as_str().is_some()))
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i64().map(|whole| whole as f64))
}

fn duration(value: &Value) -> Option<Duration> {
    let parsed = GoDuration::parse(value.as_str()?).ok()?;
    (parsed.as_nanos() >= 0).then(|| parsed.to_std())
}

/// The declaration of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// The name, as scenario files spell it.
    pub name: &'static str,
    /// What it holds.
    pub of: ParameterType,
    /// Its value when it is left out, as scenario files spell it; an empty one means absent.
    pub default: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// Why parameters do not fit their declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// There is no parameter of that name.
    #[error("{rule} has no parameter {name:?}; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Unknown {
        /// The rule.
        rule: String,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A value is not what the parameter holds.
    #[error("parameter {name} of {rule} is {}, not {value}", expected)]
    Type {
        /// The rule.
        rule: String,
        /// The parameter.
        name: String,
        /// What it holds.
        expected: String,
        /// What was given, as JSON.
        value: String,
    },
    /// The parameters are no map.
    #[error("parameters of {rule} are a map of names to values")]
    NotAMap {
        /// The rule.
        rule: String,
    },
}

impl ParameterError {
    /// Gives the name of the parameter that is wrong, if it is one.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Unknown { name, .. } | Self::Type { name, .. } => Some(name),
            Self::NotAMap { .. } => None,
        }
    }
}

/// The values of a rule's parameters, checked against their declaration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments(BTreeMap<&'static str, Value>);

impl Arguments {
    /// Checks values against a declaration; null stands for an empty map.
    ///
    /// # Errors
    /// [`ParameterError`] when one does not fit.
    pub fn check(rule: &str, declared: &[Parameter], given: &Value) -> Result<Self, ParameterError> {
        if !given.is_null() && given.as_map().is_none() {
            return Err(ParameterError::NotAMap { rule: rule.to_owned() });
        }
        let mut values = BTreeMap::new();
        for parameter in declared {
            if let Some(value) = default(parameter) {
                values.insert(parameter.name, value);
            }
        }
        for (key, value) in given.entries() {
            let Some(parameter) = declared.iter().find(|parameter| parameter.name == key.as_str()) else {
                let known = declared.iter().map(|parameter| parameter.name).collect();
                return Err(ParameterError::Unknown {
                    rule: rule.to_owned(),
                    name: key.as_str().to_owned(),
                    known,
                });
            };
            if !parameter.of.accepts(value) {
                return Err(ParameterError::Type {
                    rule: rule.to_owned(),
                    name: parameter.name.to_owned(),
                    expected: parameter.of.describe(),
                    value: object::json::to_string(value),
                });
            }
            values.insert(parameter.name, value.clone());
        }
        Ok(Self(values))
    }

    /// Gives a whole number, 0 when absent.
    pub fn int(&self, name: &str) -> i64 {
        self.0.get(name).map_or(0, Value::int)
    }

    /// Gives a whole number, if there is one.
    pub fn maybe_int(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// Gives a number, 0 when absent.
    pub fn number(&self, name: &str) -> f64 {
        self.0.get(name).and_then(number).unwrap_or(0.0)
    }

    /// Gives a truth value, false when absent.
    pub fn bool(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::bool)
    }

    /// Gives a duration, zero when absent.
    pub fn duration(&self, name: &str) -> Duration {
        self.0.get(name).and_then(duration).unwrap_or_default()
    }

    /// Gives a text, empty when absent.
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).map_or("", Value::str).to_owned()
    }

    /// Gives a list of texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let items = self.0.get(name).map_or(&[][..], Value::items);
        items.iter().map(|item| item.str().to_owned()).collect()
    }
}

fn default(parameter: &Parameter) -> Option<Value> {
    let text = parameter.default;
    if text.is_empty() {
        return None;
    }
    let value = match parameter.of {
        ParameterType::Int { .. } => {
            Value::from(text.parse::<i64>().expect("declared defaults are of their type"))
        }
        ParameterType::Number => {
            Value::from(text.parse::<f64>().expect("declared defaults are of their type"))
        }
        ParameterType::Bool => Value::from(text == "true"),
        ParameterType::Duration | ParameterType::Text => Value::from(text),
        ParameterType::Texts => text.split(", ").map(Value::from).collect(),
    };
    debug_assert!(parameter.of.accepts(&value), "the default of {} is none", parameter.name);
    Some(value)
}
