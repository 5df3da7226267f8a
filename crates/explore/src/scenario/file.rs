//! A scenario file: its text, its parameters, and the scenarios it stands for.

use super::error::{ScenarioError, unknown};
use super::expression::Scalar;
use super::model::Scenario;
use super::node::{Document, Node, Read};
use super::read::{read_metadata, read_scenario};
use super::substitute::Substitution;
use super::{API_VERSION, Loader};
use object::Value;
use object::yaml::{Limits, Positions, parse_with_positions};
use std::collections::{BTreeMap, BTreeSet};

/// The largest file, the most nodes in it, and how deeply they may be nested.
const LIMITS: Limits = Limits { bytes_max: 4 << 20, depth_max: 64, nodes_max: 1 << 20 };
/// The most settings that a matrix may stand for.
const MATRIX_MAX: usize = 1000;
/// Sections in which `${…}` is not replaced.
const FIXED: [&str; 5] = ["apiVersion", "kind", "metadata", "parameters", "matrix"];

/// A parameter of a scenario file.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The value when nobody gives one.
    pub default: Scalar,
    /// What it means.
    pub meaning: String,
}

/// What a run changes about a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Parameters and their values, as texts.
    pub parameters: BTreeMap<String, String>,
    /// Feature gates.
    pub gates: BTreeMap<String, bool>,
    /// Faults that are left out, by name.
    pub without: BTreeSet<String>,
    /// Choices that are not drawn.
    pub overrides: Vec<sim::Override>,
    /// Deliberate errors of the models.
    pub mutants: controlplane::Mutants,
}

/// A scenario file that was read and found right.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    document: Document,
    value: Value,
    name: String,
    title: String,
    digest: u64,
    parameters: BTreeMap<String, Parameter>,
    matrix: Vec<Settings>,
    /// The texts of the files it names, so that it can be read again without them.
    included: BTreeMap<String, String>,
}

impl ScenarioFile {
    /// Reads a file; `file` is what messages call it, `load` gives the text of the files it names.
    ///
    /// # Errors
    /// [`ScenarioError`] when anything about it is wrong.
    pub fn parse(file: &str, text: &str, load: Loader<'_>) -> Result<Self, ScenarioError> {
        let (value, positions) = parse_with_positions(text, LIMITS).map_err(|error| ScenarioError {
            file: file.to_owned(),
            position: Some(object::yaml::Position { line: error.line, column: error.column }),
            message: error.message,
        })?;
        if value.is_null() {
            return Err(ScenarioError {
                file: file.to_owned(),
                position: None,
                message: "the file is empty".to_owned(),
            });
        }
        refuse_duplicates(file, &positions)?;
        let document = Document { file: file.to_owned(), positions };
        let (name, title) = read_front(&document, &value)?;
        let parameters = read_parameters(&document, &value)?;
        let mut read = Self {
            matrix: Vec::new(),
            digest: digest(text),
            document,
            value,
            name,
            title,
            parameters,
            included: BTreeMap::new(),
        };
        let included = std::cell::RefCell::new(BTreeMap::new());
        let remember = |path: &str| {
            let text = load(path)?;
            included.borrow_mut().insert(path.to_owned(), text.clone());
            Ok(text)
        };
        let (_, used) = read.read(&Settings::default(), &remember)?;
        read.refuse_unused(&used)?;
        read.included = included.into_inner();
        read.matrix = read.read_matrix()?;
        Ok(read)
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Gives what messages call the file.
    pub fn file(&self) -> &str {
        &self.document.file
    }

    /// Gives a number that changes with the text.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Gives the parameters.
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.parameters
    }

    /// Gives the settings that the file's own matrix stands for: all combinations of the values it lists.
    pub fn matrix(&self) -> &[Settings] {
        &self.matrix
    }

    /// Gives the scenario under some settings.
    ///
    /// # Errors
    /// [`ScenarioError`] when a setting does not exist, or the scenario makes no sense with it.
    pub fn resolve(&self, settings: &Settings) -> Result<Scenario, ScenarioError> {
        let load = |path: &str| {
            self.included.get(path).cloned().ok_or_else(|| format!("{path} was not read before"))
        };
        let (mut scenario, _) = self.read(settings, &load)?;
        let mut known = controlplane::Gates::of(scenario.version);
        for (name, on) in &settings.gates {
            known.set(name, *on).map_err(|error| self.refuse(unknown("feature gate", name, &error.known)))?;
            scenario.gates.insert(name.clone(), *on);
        }
        scenario.topology.mutants = settings.mutants;
        Ok(scenario)
    }

    fn refuse(&self, message: String) -> ScenarioError {
        ScenarioError { file: self.document.file.clone(), position: None, message }
    }

    /// Gives the values of all parameters.
    fn values(&self, settings: &Settings) -> Read<BTreeMap<String, Scalar>> {
        let mut values: BTreeMap<String, Scalar> = self
            .parameters
            .iter()
            .map(|(name, parameter)| (name.clone(), parameter.default.clone()))
            .collect();
        for (name, text) in &settings.parameters {
            let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
            let Some(value) = values.get_mut(name) else {
                return Err(self.refuse(unknown("parameter", name, &known)));
            };
            let given = value.parse_like(text);
            *value = given
                .ok_or_else(|| self.refuse(format!("parameter {name} is {}, not {text:?}", value.kind())))?;
        }
        Ok(values)
    }

    fn read(&self, settings: &Settings, load: Loader<'_>) -> Read<(Scenario, BTreeSet<String>)> {
        let values = self.values(settings)?;
        let mut substitution =
            Substitution { document: &self.document, parameters: &values, used: BTreeSet::new() };
        let mut value = self.value.clone();
        for (key, section) in self.value.entries().filter(|(key, _)| !FIXED.contains(&key.as_str())) {
            let replaced = substitution.apply(section, &format!("/{key}"))?;
            value.set(&[key.as_str()], replaced);
        }
        let used = substitution.used;
        let scenario = read_scenario(&self.document, &value, values, load)?;
        Ok((scenario, used))
    }

    fn refuse_unused(&self, used: &BTreeSet<String>) -> Read<()> {
        match self.parameters.keys().find(|name| !used.contains(*name)) {
            Some(name) => {
                let pointer = format!("/parameters/{name}");
                Err(self.document.key_error(&pointer, format!("parameter {name} is never used")))
            }
            None => Ok(()),
        }
    }

    fn read_matrix(&self) -> Read<Vec<Settings>> {
        let root = Node { document: &self.document, value: &self.value, pointer: String::new() };
        let Some(node) = root.fields()?.get("matrix") else { return Ok(Vec::new()) };
        let mut fields = node.fields()?;
        let mut all = vec![Settings::default()];
        for (name, values) in fields.get("gates").map_or(Ok(Vec::new()), |node| node.entries())? {
            all = multiply(&values, all, |settings, value| {
                settings.gates.insert(name.to_owned(), value.bool()?);
                Ok(())
            })?;
        }
        for (name, values) in fields.get("parameters").map_or(Ok(Vec::new()), |node| node.entries())? {
            all = multiply(&values, all, |settings, value| {
                let scalar = Scalar::of(value.value)
                    .ok_or_else(|| value.error("a parameter is no list and no map"))?;
                settings.parameters.insert(name.to_owned(), scalar.to_string());
                Ok(())
            })?;
        }
        fields.finish()?;
        for settings in &all {
            self.resolve(settings)
                .map_err(|error| node.error(format!("in the matrix: {}", error.message)))?;
        }
        Ok(all)
    }
}

/// Gives each of `all` once for each of the listed values.
fn multiply(
    values: &Node<'_>,
    all: Vec<Settings>,
    set: impl Fn(&mut Settings, &Node<'_>) -> Read<()>,
) -> Read<Vec<Settings>> {
    let values_listed = values.items()?;
    if values_listed.len().saturating_mul(all.len()) > MATRIX_MAX {
        return Err(values.error(format!("the matrix stands for more than {MATRIX_MAX} settings")));
    }
    let mut product = Vec::new();
    for settings in all {
        for value in &values_listed {
            let mut settings = settings.clone();
            set(&mut settings, value)?;
            product.push(settings);
        }
    }
    Ok(product)
}

fn refuse_duplicates(file: &str, positions: &Positions) -> Read<()> {
    let Some((pointer, position)) = positions.duplicates().first() else { return Ok(()) };
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let message = format!("field {name:?} comes twice");
    Err(ScenarioError { file: file.to_owned(), position: Some(*position), message })
}

/// Reads what must be there whatever else is wrong: that it is a scenario, and its name and title.
fn read_front(document: &Document, value: &Value) -> Read<(String, String)> {
    let root = Node { document, value, pointer: String::new() };
    let mut fields = root.fields()?;
    let version = fields.require("apiVersion")?;
    if version.value.str() != API_VERSION {
        return Err(version.error(format!("apiVersion must be {API_VERSION}")));
    }
    let (name, title, _, _) = read_metadata(&fields.require("metadata")?)?;
    Ok((name, title))
}

fn read_parameters(document: &Document, value: &Value) -> Read<BTreeMap<String, Parameter>> {
    let root = Node { document, value, pointer: String::new() };
    let Some(node) = root.fields()?.get("parameters") else { return Ok(BTreeMap::new()) };
    let mut parameters = BTreeMap::new();
    for (name, entry) in node.entries()? {
        if matches!(name, "true" | "false") {
            let message = format!(
                "YAML takes this name for {name}: give the parameter another one, or put it in quotes"
            );
            return Err(entry.document.key_error(&entry.pointer, message));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_name) {
            return Err(entry
                .document
                .key_error(&entry.pointer, "a parameter's name is made of letters and digits"));
        }
        let (default, meaning) = match entry.value {
            Value::Map(_) => {
                let mut fields = entry.fields()?;
                let default = fields.require("default")?;
                let meaning = fields.text("meaning")?;
                fields.finish()?;
                (default, meaning)
            }
            _ => (entry.clone(), String::new()),
        };
        let scalar =
            Scalar::of(default.value).ok_or_else(|| default.error("a parameter is no list and no map"))?;
        parameters.insert(name.to_owned(), Parameter { default: scalar, meaning });
    }
    Ok(parameters)
}

/// FNV-1a: the digest only has to notice that a text is another.
fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
