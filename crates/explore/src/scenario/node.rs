//! Reading a scenario file strictly: a node that knows its place, and the fields of a map of which none may be unknown.

use super::error::{ScenarioError, unknown};
use object::yaml::Positions;
use object::{GoDuration, Value};
use std::time::Duration;

/// The file that nodes lie in.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) file: String,
    pub(crate) positions: Positions,
}

impl Document {
    pub(crate) fn error(&self, pointer: &str, message: impl Into<String>) -> ScenarioError {
        let position = Some(self.positions.of(pointer));
        ScenarioError { file: self.file.clone(), position, message: message.into() }
    }

    pub(crate) fn key_error(&self, pointer: &str, message: impl Into<String>) -> ScenarioError {
        let position = Some(self.positions.of_key(pointer));
        ScenarioError { file: self.file.clone(), position, message: message.into() }
    }
}

/// One value of a file, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) document: &'a Document,
    pub(crate) value: &'a Value,
    pub(crate) pointer: String,
}

pub(crate) type Read<T> = Result<T, ScenarioError>;

impl<'a> Node<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.document.error(&self.pointer, message)
    }

    /// Gives the last step of the path: what the value is called.
    fn name(&self) -> &str {
        self.pointer.rsplit('/').next().unwrap_or_default()
    }

    fn expected(&self, what: &str) -> ScenarioError {
        let found = match self.value {
            Value::Map(_) => "a map".to_owned(),
            Value::List(_) => "a list".to_owned(),
            other => object::json::to_string(other),
        };
        let name = if self.pointer.is_empty() { "the file" } else { self.name() };
        self.error(format!("{name} must be {what}, not {found}"))
    }

    fn child(&self, step: &str, value: &'a Value) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { document: self.document, value, pointer: format!("{}/{step}", self.pointer) }
    }

    pub(crate) fn fields(&self) -> Read<Fields<'a>> {
        if self.value.as_map().is_none() {
            return Err(self.expected("a map"));
        }
        Ok(Fields { node: self.clone(), known: Vec::new() })
    }

    pub(crate) fn items(&self) -> Read<Vec<Self>> {
        let list = self.value.as_list().ok_or_else(|| self.expected("a list"))?;
        Ok(list.iter().enumerate().map(|(at, item)| self.child(&at.to_string(), item)).collect())
    }

    /// Gives the entries of a map whose keys are free.
    pub(crate) fn entries(&self) -> Read<Vec<(&'a str, Self)>> {
        let map = self.value.as_map().ok_or_else(|| self.expected("a map"))?;
        Ok(map.iter().map(|(key, value)| (key.as_str(), self.child(key.as_str(), value))).collect())
    }

    pub(crate) fn text(&self) -> Read<&'a str> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    pub(crate) fn bool(&self) -> Read<bool> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    pub(crate) fn number(&self) -> Read<f64> {
        let number = self.value.as_f64().or_else(|| self.value.as_i64().map(|n| n as f64));
        number.filter(|n| n.is_finite()).ok_or_else(|| self.expected("a number"))
    }

    /// Reads a whole number between bounds, both included.
    pub(crate) fn int(&self, min: i64, max: i64) -> Read<i64> {
        let number = self.value.as_i64().filter(|n| (min..=max).contains(n));
        number.ok_or_else(|| self.expected(&format!("a whole number from {min} to {max}")))
    }

    pub(crate) fn count(&self, max: u32) -> Read<usize> {
        self.int(0, max.into()).map(|n| usize::try_from(n).unwrap_or(0))
    }

    pub(crate) fn duration(&self) -> Read<Duration> {
        let nanos = self.signed_duration()?;
        u64::try_from(nanos)
            .map(Duration::from_nanos)
            .map_err(|_| self.expected("a duration that is not negative"))
    }

    /// Reads a duration in nanoseconds that may be negative.
    pub(crate) fn signed_duration(&self) -> Read<i64> {
        let parsed = self.value.as_str().and_then(|text| GoDuration::parse(text).ok());
        parsed.map(GoDuration::as_nanos).ok_or_else(|| self.expected("a duration such as 90s or 5m"))
    }

    /// Reads one of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Read<T> {
        self.word_for(self.name(), words)
    }

    /// Reads one of a few words; `what` says what they stand for.
    pub(crate) fn word_for<T: Copy>(&self, what: &str, words: &[(&str, T)]) -> Read<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        found.map(|(_, value)| *value).ok_or_else(|| self.error(unknown(what, text, &known)))
    }
}

/// The fields of a map; those that nobody asked for are errors.
pub(crate) struct Fields<'a> {
    node: Node<'a>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Gives a field, if it is there and not null.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let value = self.node.value.get(name).filter(|value| !value.is_null())?;
        Some(self.node.child(name, value))
    }

    /// Gives a field that must be there.
    pub(crate) fn require(&mut self, name: &'static str) -> Read<Node<'a>> {
        let found = self.get(name);
        found.ok_or_else(|| self.node.error(format!("{name} is missing{}", self.place())))
    }

    /// Reads a field, or gives a default when it is not there.
    pub(crate) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl Fn(&Node<'a>) -> Read<T>,
    ) -> Read<T> {
        self.get(name).map_or(Ok(default), |node| read(&node))
    }

    /// Reads a field, if it is there.
    pub(crate) fn maybe<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Node<'a>) -> Read<T>,
    ) -> Read<Option<T>> {
        self.get(name).map(|node| read(&node)).transpose()
    }

    /// Reads a text, empty when it is not there.
    pub(crate) fn text(&mut self, name: &'static str) -> Read<String> {
        self.or(name, String::new(), |node| node.text().map(str::to_owned))
    }

    /// Gives the fields that nobody has asked for so far.
    pub(crate) fn others(&self) -> impl Iterator<Item = &'a str> {
        let keys = self.node.value.entries().map(|(key, _)| key.as_str());
        keys.filter(|key| !self.known.contains(key)).collect::<Vec<_>>().into_iter()
    }

    /// Gives the node of the whole map.
    pub(crate) fn node(&self) -> &Node<'a> {
        &self.node
    }

    fn place(&self) -> String {
        // Items of lists have no name worth telling.
        let mut steps =
            self.node.pointer.split('/').filter(|step| !step.is_empty() && step.parse::<usize>().is_err());
        match steps.next_back() {
            Some(name) => format!(" in {name}"),
            None => String::new(),
        }
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(mut self) -> Read<()> {
        self.known.sort_unstable();
        self.known.dedup();
        let Some(name) = self.others().next() else { return Ok(()) };
        let step = name.replace('~', "~0").replace('/', "~1");
        let message = unknown("field", name, &self.known);
        let (head, tail) = message.split_once(';').unwrap_or((&message, ""));
        let pointer = format!("{}/{step}", self.node.pointer);
        Err(self.node.document.key_error(&pointer, format!("{head}{};{tail}", self.place())))
    }
}
