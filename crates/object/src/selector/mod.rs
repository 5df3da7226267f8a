//! Label selectors: which labels an object must carry.
//!
//! Upstream: `k8s.io/apimachinery/pkg/labels`, whose syntax and error texts these are.

mod parse;

use crate::names::{label_value_errors, qualified_name_errors};
use crate::{Text, Value};
use std::fmt;

/// A label selector: all of its requirements must hold.
///
/// A selector without requirements matches everything; [`Selector::nothing`] matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: Text,
    operator: Operator,
    /// Ascending; a value given twice stands twice, as upstream writes it.
    values: Vec<Text>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The label is present and has one of the values: `key in (a,b)`.
    In,
    /// The label is absent or has none of the values: `key notin (a,b)`.
    NotIn,
    /// The label is present and has the value: `key=a`.
    Equals,
    /// The same, written `key==a`.
    DoubleEquals,
    /// The label is absent or has another value: `key!=a`.
    NotEquals,
    /// The label is present: `key`.
    Exists,
    /// The label is absent: `!key`.
    DoesNotExist,
    /// The label is present and an integer above the value: `key>1`.
    GreaterThan,
    /// The label is present and an integer below the value: `key<1`.
    LessThan,
}

/// Says why a selector cannot be read; the text is the API server's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);

impl Selector {
    /// Gives the selector that matches every object.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Gives the selector that matches no object.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Parses the syntax of list queries: `app=web,tier in (front,back),!canary`.
    ///
    /// # Errors
    /// When the text does not follow the syntax, or a key or value is no valid label.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text).map(Self::from_requirements)
    }

    /// Makes a selector of requirements.
    pub fn from_requirements(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    /// Reads a `metav1.LabelSelector` (`matchLabels`, `matchExpressions`); null matches nothing, an empty one
    /// everything.
    ///
    /// # Errors
    /// When an operator is unknown, a set of values does not fit its operator, or a key or value is no valid label.
    pub fn from_label_selector(selector: &Value) -> Result<Self, SelectorError> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].entries() {
            requirements.push(Requirement::new(key.as_str(), Operator::Equals, [value.str()])?);
        }
        for expression in selector["matchExpressions"].items() {
            let operator = match expression["operator"].str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!("{other:?} is not a valid label selector operator")));
                }
            };
            let values = expression["values"].items().iter().map(Value::str);
            requirements.push(Requirement::new(expression["key"].str(), operator, values)?);
        }
        Ok(Self::from_requirements(requirements))
    }

    /// Reads a plain map of labels, such as a Service's selector, each of which must be present with its value.
    ///
    /// An empty or absent map gives the selector that matches everything, as upstream's `SelectorFromSet`; whoever
    /// reads a Service's selector must ask for an empty one first. Keys and values are not checked.
    pub fn from_map(labels: &Value) -> Self {
        let requirement = |(key, value): (&crate::Key, &Value)| Requirement {
            key: key.as_str().into(),
            operator: Operator::Equals,
            values: vec![value.as_text().cloned().unwrap_or_else(|| "".into())],
        };
        Self { requirements: labels.entries().map(requirement).collect(), nothing: false }
    }

    /// Tells whether a map of labels satisfies every requirement.
    pub fn matches(&self, labels: &Value) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Tells whether this matches every object.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Tells whether this was made to match no object.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// Gives the requirements in the order of their keys; none for [`Selector::nothing`].
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Gives the one value that label `key` must have, if the selector demands exactly one.
    pub fn exact(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.iter().find(|requirement| &*requirement.key == key)?;
        match (requirement.operator, &requirement.values[..]) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

impl Requirement {
    /// Makes a requirement.
    ///
    /// # Errors
    /// When the number of values does not fit the operator, or a key or value is no valid label; the text is that of
    /// upstream's `NewRequirement`, all faults at once.
    pub fn new<'a>(
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SelectorError> {
        let mut values: Vec<&str> = values.into_iter().collect();
        let mut errors = Vec::new();
        if let Some(error) = invalid("key", key, &qualified_name_errors(key)) {
            errors.push(error);
        }
        errors.extend(count_error(operator, &values));
        if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
            let integer = "for 'Gt', 'Lt' operators, the value must be an integer";
            let wrong = values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err());
            errors.extend(
                wrong.map(|(at, value)| format!("values[{at}]: Invalid value: {value:?}: {integer}")),
            );
        }
        for (at, value) in values.iter().enumerate() {
            errors.extend(invalid(&format!("values[{at}][{key}]"), value, &label_value_errors(value)));
        }
        if !errors.is_empty() {
            errors.dedup();
            let text = if errors.len() == 1 { errors.remove(0) } else { format!("[{}]", errors.join(", ")) };
            return Err(SelectorError(text));
        }
        values.sort_unstable();
        Ok(Self { key: key.into(), operator, values: values.into_iter().map(Text::from).collect() })
    }

    /// Gives the label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Gives the operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Gives the values in ascending order.
    pub fn values(&self) -> &[Text] {
        &self.values
    }

    /// Tells whether a map of labels satisfies this requirement.
    pub fn matches(&self, labels: &Value) -> bool {
        let label = labels.get(&self.key).map(Value::str);
        let listed = |label: &str| self.values.iter().any(|value| &**value == label);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(listed),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(listed),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label).is_some_and(std::cmp::Ordering::is_gt),
            Operator::LessThan => self.compare(label).is_some_and(std::cmp::Ordering::is_lt),
        }
    }

    /// Compares a label with the one value as integers.
    fn compare(&self, label: Option<&str>) -> Option<std::cmp::Ordering> {
        let value: i64 = self.values.first()?.parse().ok()?;
        Some(label?.parse::<i64>().ok()?.cmp(&value))
    }
}

/// Says what is wrong with the number of values, as upstream does.
fn count_error(operator: Operator, values: &[&str]) -> Option<String> {
    let (fits, rule) = match operator {
        Operator::In | Operator::NotIn => {
            (!values.is_empty(), "for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
            (values.len() == 1, "exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist => {
            (values.is_empty(), "values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan => {
            (values.len() == 1, "for 'Gt', 'Lt' operators, exactly one value is required")
        }
    };
    if fits {
        return None;
    }
    // Upstream prints the offending list as JSON, an empty one as Go holds it.
    let list: Value = values.iter().copied().map(Value::from).collect();
    let list = if values.is_empty() { Value::Null } else { list };
    Some(format!("values: Invalid value: {list}: {rule}"))
}

/// Words a `field.Invalid` error, `None` when there is nothing to say.
fn invalid(path: &str, value: &str, errors: &[String]) -> Option<String> {
    (!errors.is_empty()).then(|| format!("{path}: Invalid value: {value:?}: {}", errors.join("; ")))
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

/// Writes the syntax of list queries.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Writes the syntax of list queries.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}
