//! Reading the sections of a scenario whose parameters have their values.

use super::behaviour::read_behaviours;
use super::expression::Scalar;
use super::fault::{FaultKind, FaultPlan, Plan, read_faults};
use super::model::{
    Deadlines, Expectation, FigureKind, FigureSpec, Owner, PropertySpec, Scenario, Step, Topology,
};
use super::node::{Document, Fields, Node, Read};
use super::steps::{Surroundings, read_objects, read_steps};
use super::{Loader, setup};
use controlplane::NodeConfig;
use object::Value;
use property::{Kind, KindName, Outcome, Property, PropertyError};
use schema::{KubernetesVersion, Schema};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long what must come eventually may take unless a scenario says otherwise.
const LIVENESS: Duration = Duration::from_secs(600);
/// The longest run.
const RUN_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most processes of one kind.
const PROCESSES_MAX: u32 = 100;
/// The most nodes.
const NODES_MAX: u32 = 10_000;

/// Reads the whole file.
pub(crate) fn read_scenario(
    document: &Document,
    value: &Value,
    parameters: BTreeMap<String, Scalar>,
    load: Loader<'_>,
) -> Read<Scenario> {
    let root = Node { document, value, pointer: String::new() };
    let mut fields = root.fields()?;
    read_header(&mut fields)?;
    let (name, title, issue, description) = read_metadata(&fields.require("metadata")?)?;
    // Read before, and left out of what is unknown.
    fields.get("parameters");
    fields.get("matrix");
    let version = fields.or("kubernetesVersion", KubernetesVersion::LATEST, |node| {
        // YAML reads 1.36 as a number.
        let text = node.value.as_f64().map_or_else(|| node.value.str().to_owned(), |n| format!("{n:.2}"));
        KubernetesVersion::parse(&text).map_err(|error| node.error(error.to_string()))
    })?;
    let gates = fields.or("featureGates", BTreeMap::new(), |node| read_gates(node, version))?;
    let topology = fields.or("topology", default_topology(), |node| read_topology(node, version))?;
    let faults = fields.or("faults", Vec::new(), read_faults)?;
    let (deadlines, liveness) = read_deadlines(&mut fields, &faults)?;
    check_faults(document, &faults, deadlines.faults_stop, Schema::for_version(version))?;
    let around =
        Surroundings { schema: Schema::for_version(version), faults_stop: deadlines.faults_stop, load };
    let objects = fields.or("objects", Vec::new(), |node| {
        let objects = read_objects(node, &around)?;
        setup::complete(version, objects.into_iter().map(|(_, object)| object)).map_err(|why| node.error(why))
    })?;
    let behaviours = fields.or("behaviours", Vec::new(), read_behaviours)?;
    let steps = fields.or("steps", Vec::new(), |node| read_steps(node, &around))?;
    let properties = fields.or("properties", Vec::new(), |node| read_properties(node, liveness))?;
    let deadlines = finish_deadlines(deadlines, &properties, &steps, &mut fields)?;
    let figures = fields.or("figures", Vec::new(), |node| read_figures(node, &properties))?;
    let expectations =
        fields.or("expect", Vec::new(), |node| read_expectations(node, &figures, &properties))?;
    fields.finish()?;
    Ok(Scenario {
        name,
        title,
        issue,
        description,
        parameters,
        version,
        gates,
        topology,
        objects,
        behaviours,
        steps,
        faults,
        properties,
        deadlines,
        figures,
        expectations,
    })
}

fn read_header(fields: &mut Fields<'_>) -> Read<()> {
    let version = fields.require("apiVersion")?;
    if version.text()? != super::API_VERSION {
        return Err(version.error(format!(
            "apiVersion must be {}, not {}",
            super::API_VERSION,
            version.text()?
        )));
    }
    let kind = fields.require("kind")?;
    if kind.text()? != "Scenario" {
        return Err(kind.error(format!("kind must be Scenario, not {}", kind.text()?)));
    }
    Ok(())
}

/// Reads name, title, issue and description.
pub(crate) fn read_metadata(node: &Node<'_>) -> Read<(String, String, String, String)> {
    let mut fields = node.fields()?;
    let name = fields.require("name")?;
    let text = name.text()?.to_owned();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err(name.error("a name is made of lower-case letters, digits, '-' and '.'"));
    }
    let read = (text, fields.text("title")?, fields.text("issue")?, fields.text("description")?);
    fields.finish()?;
    Ok(read)
}

fn read_gates(node: &Node<'_>, version: KubernetesVersion) -> Read<BTreeMap<String, bool>> {
    let mut gates = BTreeMap::new();
    let mut known = controlplane::Gates::of(version);
    for (name, on) in node.entries()? {
        let on_or_off = on.bool()?;
        known.set(name, on_or_off).map_err(|error| {
            on.document.key_error(&on.pointer, super::error::unknown("feature gate", name, &error.known))
        })?;
        gates.insert(name.to_owned(), on_or_off);
    }
    Ok(gates)
}

/// `priority` when no numbers are given: a few tasks starved in a run of some hundred thousand events.
const PRIORITY: sim::Strategy = sim::Strategy::Priority { change_points: 10, horizon_events: 200_000 };
/// The most times that a priority may drop.
const CHANGE_POINTS_MAX: i64 = 10_000;
/// The longest run that change points may be drawn in, in events.
const HORIZON_MAX: i64 = 1_000_000_000;

fn default_topology() -> Topology {
    let etcd = controlplane::etcd::EtcdTimes::default();
    Topology {
        apiservers: 1,
        controller_managers: 1,
        leader_elect: false,
        controllers: None,
        schedulers: 1,
        nodes: Vec::new(),
        kubelets: true,
        provisioner: true,
        attacher: true,
        force_detach: true,
        etcd_write: (etcd.write_min, etcd.write_max),
        strategy: sim::Strategy::default(),
        mutants: controlplane::Mutants::default(),
    }
}

/// Reads which processes there are.
fn read_topology(node: &Node<'_>, version: KubernetesVersion) -> Read<Topology> {
    let mut fields = node.fields()?;
    let default = default_topology();
    let known: Vec<&str> = controlplane::controllers::CONTROLLERS.iter().map(|c| c.name).collect();
    let controllers = fields.maybe("controllers", |node| {
        let name = |item: &Node<'_>| match item.text()? {
            name if known.contains(&name) => Ok(name.to_owned()),
            other => Err(item.error(super::error::unknown("controller", other, &known))),
        };
        node.items()?.iter().map(name).collect::<Read<Vec<_>>>()
    })?;
    let etcd_write = fields.or("etcd", default.etcd_write, |node| {
        let mut fields = node.fields()?;
        let (min, max) = default.etcd_write;
        let write =
            (fields.or("writeMin", min, Node::duration)?, fields.or("writeMax", max, Node::duration)?);
        fields.finish()?;
        if write.1 < write.0 { Err(node.error("writeMax is less than writeMin")) } else { Ok(write) }
    })?;
    let provisioner = fields.or("provisioner", default.provisioner, Node::bool)?;
    let topology = Topology {
        apiservers: fields.or("apiservers", default.apiservers, |node| {
            node.int(1, PROCESSES_MAX.into()).map(|n| usize::try_from(n).unwrap_or(1))
        })?,
        controller_managers: fields.or("controllerManagers", 1, |node| node.count(PROCESSES_MAX))?,
        leader_elect: fields.or("leaderElect", false, Node::bool)?,
        controllers,
        schedulers: fields.or("schedulers", default.schedulers, |node| node.count(PROCESSES_MAX))?,
        nodes: fields.or("nodes", Vec::new(), |node| read_nodes(node, version))?,
        kubelets: fields.or("kubelets", default.kubelets, Node::bool)?,
        provisioner,
        // Where nobody makes volumes, nobody attaches them, unless the file says so.
        attacher: fields.or("attacher", provisioner, Node::bool)?,
        force_detach: fields.or("forceDetach", default.force_detach, Node::bool)?,
        etcd_write,
        strategy: fields.or("strategy", default.strategy, read_strategy)?,
        mutants: default.mutants,
    };
    fields.finish()?;
    Ok(topology)
}

/// Reads how events of the same instant are ordered: a word, or `priority` with its numbers.
fn read_strategy(node: &Node<'_>) -> Read<sim::Strategy> {
    let words = [("random", sim::Strategy::Random), ("fifo", sim::Strategy::Fifo), ("priority", PRIORITY)];
    if node.value.as_map().is_none() {
        return node.word_for("strategy", &words);
    }
    let mut fields = node.fields()?;
    let priority = fields.require("priority")?;
    fields.finish()?;
    let mut fields = priority.fields()?;
    let sim::Strategy::Priority { change_points, horizon_events } = PRIORITY else {
        unreachable!("it is that")
    };
    let change_points = fields.or("changePoints", change_points, |node| {
        node.int(0, CHANGE_POINTS_MAX).map(|n| u32::try_from(n).expect("checked"))
    })?;
    let horizon_events =
        fields.or("horizonEvents", horizon_events, |node| node.int(1, HORIZON_MAX).map(i64::unsigned_abs))?;
    fields.finish()?;
    Ok(sim::Strategy::Priority { change_points, horizon_events })
}

/// Reads the nodes that kubelets register: a number of them, or a number with a capacity and labels.
fn read_nodes(node: &Node<'_>, version: KubernetesVersion) -> Read<Vec<NodeConfig>> {
    let kubelet = format!("v{version}.0");
    let named = |number: usize| NodeConfig::new(&format!("node-{number}"), &kubelet);
    if node.value.as_map().is_none() {
        return Ok((1..=node.count(NODES_MAX)?).map(named).collect());
    }
    let mut fields = node.fields()?;
    let count = fields.require("count")?.count(NODES_MAX)?;
    let capacity = fields.get("capacity").map_or(Ok(Vec::new()), |node| node.entries())?;
    let labels = fields.get("labels").map_or(Ok(Vec::new()), |node| node.entries())?;
    fields.finish()?;
    let mut nodes: Vec<NodeConfig> = (1..=count).map(named).collect();
    for (resource, quantity) in capacity {
        let text = quantity.value.as_i64().map_or_else(|| quantity.value.str().to_owned(), |n| n.to_string());
        object::Quantity::parse(&text).map_err(|error| quantity.error(error.to_string()))?;
        for node in &mut nodes {
            node.capacity.set(&[resource], text.as_str());
        }
    }
    for (key, value) in labels {
        let text = value.text()?;
        for node in &mut nodes {
            node.labels.set(&[key], text);
        }
    }
    Ok(nodes)
}

/// Reads when the faults stop and how long what must come eventually may take; the run's length follows later.
fn read_deadlines(fields: &mut Fields<'_>, faults: &[FaultPlan]) -> Read<(Deadlines, Duration)> {
    let Some(node) = fields.get("deadlines") else {
        let faults_stop = last_end(fields.node().document, faults)?;
        return Ok((Deadlines { faults_stop, run_length: Duration::ZERO }, LIVENESS));
    };
    let mut fields = node.fields()?;
    let faults_stop = match fields.maybe("faultsStop", Node::duration)? {
        Some(given) => given,
        None => last_end(node.document, faults)?,
    };
    let liveness = fields.or("liveness", LIVENESS, Node::duration)?;
    let run_length = fields.or("runLength", Duration::ZERO, Node::duration)?;
    fields.finish()?;
    Ok((Deadlines { faults_stop, run_length }, liveness))
}

/// Gives when the last fault ends by itself.
fn last_end(document: &Document, faults: &[FaultPlan]) -> Read<Duration> {
    let mut last = Duration::ZERO;
    for (index, fault) in faults.iter().enumerate() {
        let end = match &fault.plan {
            Plan::Fixed { at, kind, .. } if kind.is_momentary() => *at,
            Plan::Fixed { at, lasting: Some(lasting), .. } => *at + *lasting,
            Plan::Fixed { .. } => {
                let message =
                    format!("fault {:?} has no end, and no deadlines.faultsStop ends it", fault.name);
                return Err(document.error(&format!("/faults/{index}"), message));
            }
            Plan::Drawn(draw) => draw.between.1 + draw.lasting.1,
        };
        last = last.max(end);
    }
    Ok(last)
}

/// Refuses faults that begin when all faults have stopped, and those of resources that do not exist.
fn check_faults(
    document: &Document,
    faults: &[FaultPlan],
    faults_stop: Duration,
    schema: &Schema,
) -> Read<()> {
    for (index, fault) in faults.iter().enumerate() {
        let pointer = format!("/faults/{index}");
        let begins = match &fault.plan {
            Plan::Fixed { at, .. } => *at,
            Plan::Drawn(draw) => draw.between.0,
        };
        if begins > faults_stop {
            let stop = faults_stop.as_secs_f64();
            let message = format!(
                "fault {:?} begins after the faults have stopped, {stop} s after the beginning",
                fault.name
            );
            return Err(document.error(&pointer, message));
        }
        for kind in fault.kinds() {
            if let Some(message) = unknown_resource(&kind, schema) {
                return Err(document.error(&pointer, message));
            }
        }
    }
    Ok(())
}

/// Says what is wrong with the resource that a fault at the API names; one of a group of its own may be a custom one.
fn unknown_resource(kind: &FaultKind, schema: &Schema) -> Option<String> {
    let FaultKind::Api(fault) = kind else { return None };
    let name = &*fault.target().resource;
    let known: Vec<String> =
        schema.resources().iter().map(|resource| resource.group_resource().to_string()).collect();
    if name == "*" || known.iter().any(|known| known == name) {
        return None;
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = schema.find(name).map(|resource| resource.group_resource().to_string());
    let meant = meant.or_else(|| super::error::nearest(name, &known).map(str::to_owned));
    match meant {
        Some(meant) => Some(format!("unknown resource {name:?}; did you mean {meant:?}?")),
        None if name.contains('.') => None,
        None => Some(format!("Kubernetes {} has no resource {name:?}", schema.version())),
    }
}

/// Gives the run a length if it has none, and checks that everything happens within it.
fn finish_deadlines(
    mut deadlines: Deadlines,
    properties: &[PropertySpec],
    steps: &[Step],
    fields: &mut Fields<'_>,
) -> Read<Deadlines> {
    let within = properties.iter().map(|property| match property.kind {
        Kind::Eventually { within } => within,
        _ => Duration::ZERO,
    });
    let decided = deadlines.faults_stop + within.max().unwrap_or_default();
    let node = fields.get("deadlines").unwrap_or_else(|| fields.node().clone());
    if deadlines.run_length.is_zero() {
        let last_step = steps.iter().filter_map(|step| step.at).max().unwrap_or_default();
        deadlines.run_length = decided.max(last_step + Duration::from_secs(60));
    }
    let message = match deadlines.run_length {
        length if length > RUN_MAX => format!("a run lasts at most {} h", RUN_MAX.as_secs() / 3600),
        length if length < decided => {
            let (length, decided) = (length.as_secs_f64(), decided.as_secs_f64());
            format!(
                "runLength of {length} s ends before everything is decided, {decided} s after the beginning"
            )
        }
        length => match steps.iter().find(|step| step.at.is_some_and(|at| at > length)) {
            Some(step) => format!("{} comes after the end of the run", step.name),
            None => return Ok(deadlines),
        },
    };
    Err(node.error(message))
}

fn read_properties(node: &Node<'_>, liveness: Duration) -> Read<Vec<PropertySpec>> {
    let mut specs: Vec<PropertySpec> = Vec::new();
    for item in node.items()? {
        let spec = read_property(&item, liveness)?;
        if specs.iter().any(|other| other.name == spec.name) {
            return Err(
                item.error(format!("a second property is named {:?}; give it a name of its own", spec.name))
            );
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn read_property(node: &Node<'_>, liveness: Duration) -> Read<PropertySpec> {
    let mut fields = node.fields()?;
    let rule = fields.require("rule")?;
    let rule_name = rule.text()?.to_owned();
    let parameters = fields.get("parameters");
    let given = parameters.as_ref().map_or(Value::Null, |node| node.value.clone());
    let property = Property::new(&rule_name, &given).map_err(|error| match &error {
        PropertyError::UnknownRule { known, .. } => {
            rule.error(super::error::unknown("rule", &rule_name, known))
        }
        PropertyError::Parameter(wrong) => match (&parameters, wrong.parameter()) {
            (Some(node), Some(name)) => {
                node.document.key_error(&format!("{}/{name}", node.pointer), error.to_string())
            }
            _ => node.error(error.to_string()),
        },
    })?;
    let kinds = ["always", "eventually", "sometimes", "never"]
        .map(|name| (name, KindName::parse(name).expect("these are the kinds")));
    let kind = fields.or("kind", property.kind().name(), |node| node.word(&kinds))?;
    let within = fields.get("within");
    if let (Some(within), true) = (&within, kind != KindName::Eventually) {
        return Err(within.error(format!("within belongs to eventually, not to {kind}")));
    }
    let within = within.map_or(Ok(liveness), |node| node.duration())?;
    let name = fields.or("name", rule_name.clone(), |node| node.text().map(str::to_owned))?;
    fields.finish()?;
    Ok(PropertySpec { name, rule: rule_name, parameters: given, kind: kind.with(within) })
}

fn read_figures(node: &Node<'_>, properties: &[PropertySpec]) -> Read<Vec<FigureSpec>> {
    let mut specs: Vec<FigureSpec> = Vec::new();
    for item in node.items()? {
        let mut fields = item.fields()?;
        let name = fields.require("name")?.text()?.to_owned();
        let of = read_figure(&mut fields, properties)?;
        fields.finish()?;
        if specs.iter().any(|other| other.name == name) {
            return Err(item.error(format!("a second figure is named {name:?}")));
        }
        specs.push(FigureSpec { name, of });
    }
    Ok(specs)
}

const FIGURES: [&str; 6] = ["maxLivePods", "livePods", "writes", "amplification", "timeToRecover", "counter"];

fn read_figure(fields: &mut Fields<'_>, properties: &[PropertySpec]) -> Read<FigureKind> {
    let [max_pods, pods, writes, amplification, recover, counter] = FIGURES.map(|name| fields.get(name));
    let given = [&max_pods, &pods, &writes, &amplification, &recover, &counter];
    if given.iter().filter(|node| node.is_some()).count() != 1 {
        let known = FIGURES.join(", ");
        return Err(fields.node().error(format!("a figure measures exactly one of {known}")));
    }
    if let Some(node) = max_pods {
        return read_owner(&node).map(FigureKind::MaxLivePods);
    }
    if let Some(node) = pods {
        return read_owner(&node).map(FigureKind::LivePods);
    }
    if let Some(node) = amplification {
        return read_owner(&node).map(FigureKind::Amplification);
    }
    if let Some(node) = recover {
        let name = node.text()?;
        let known: Vec<&str> = properties.iter().map(|property| property.name.as_str()).collect();
        return if known.contains(&name) {
            Ok(FigureKind::TimeToRecover(name.to_owned()))
        } else {
            Err(node.error(super::error::unknown("property", name, &known)))
        };
    }
    if let Some(node) = counter {
        return Ok(FigureKind::Counter(node.text()?.to_owned()));
    }
    let node = writes.expect("one of them is given");
    let mut fields = node.fields()?;
    let kinds = [
        ("create", store::EventKind::Created),
        ("update", store::EventKind::Updated),
        ("delete", store::EventKind::Deleted),
    ];
    let figure = FigureKind::Writes {
        resource: fields.text("resource")?,
        writer: fields.text("writer")?,
        kind: fields.maybe("verb", |node| node.word(&kinds))?,
    };
    fields.finish()?;
    Ok(figure)
}

fn read_owner(node: &Node<'_>) -> Read<Owner> {
    let mut fields = node.fields()?;
    let owner = Owner {
        kind: fields.text("kind")?,
        namespace: fields.text("namespace")?,
        name: fields.text("name")?,
    };
    fields.finish()?;
    Ok(owner)
}

fn read_expectations(
    node: &Node<'_>,
    figures: &[FigureSpec],
    properties: &[PropertySpec],
) -> Read<Vec<Expectation>> {
    node.items()?.iter().map(|item| read_expectation(item, figures, properties)).collect()
}

fn read_expectation(
    node: &Node<'_>,
    figures: &[FigureSpec],
    properties: &[PropertySpec],
) -> Read<Expectation> {
    let mut fields = node.fields()?;
    let mut expectation =
        Expectation { gates: BTreeMap::new(), figures: BTreeMap::new(), properties: BTreeMap::new() };
    for (name, on) in fields.get("gates").map_or(Ok(Vec::new()), |node| node.entries())? {
        expectation.gates.insert(name.to_owned(), on.bool()?);
    }
    let known: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    for (name, bounds) in fields.get("figures").map_or(Ok(Vec::new()), |node| node.entries())? {
        if !known.contains(&name) {
            let message = super::error::unknown("figure", name, &known);
            return Err(bounds.document.key_error(&bounds.pointer, message));
        }
        expectation.figures.insert(name.to_owned(), read_bounds(&bounds)?);
    }
    let known: Vec<&str> = properties.iter().map(|property| property.name.as_str()).collect();
    let outcomes = [
        ("held", Outcome::Held),
        ("violated", Outcome::Violated),
        ("didNotHappen", Outcome::DidNotHappen),
        ("neverReached", Outcome::NeverReached),
        ("undecided", Outcome::Undecided),
    ];
    for (name, outcome) in fields.get("properties").map_or(Ok(Vec::new()), |node| node.entries())? {
        if !known.contains(&name) {
            let message = super::error::unknown("property", name, &known);
            return Err(outcome.document.key_error(&outcome.pointer, message));
        }
        expectation.properties.insert(name.to_owned(), outcome.word_for("outcome", &outcomes)?);
    }
    fields.finish()?;
    Ok(expectation)
}

fn read_bounds(node: &Node<'_>) -> Read<(f64, f64)> {
    if node.value.as_map().is_none() {
        return figure_value(node).map(|exactly| (exactly, exactly));
    }
    let mut fields = node.fields()?;
    let least = fields.or("atLeast", f64::NEG_INFINITY, figure_value)?;
    let most = fields.or("atMost", f64::INFINITY, figure_value)?;
    fields.finish()?;
    if most < least { Err(node.error("atMost is less than atLeast")) } else { Ok((least, most)) }
}

/// Reads a number, or a duration as seconds.
fn figure_value(node: &Node<'_>) -> Read<f64> {
    if node.value.as_str().is_some() { node.duration().map(|d| d.as_secs_f64()) } else { node.number() }
}
