//! Faults as files name them: what goes wrong, when, and for how long; fixed, or drawn from ranges and weights.

use super::node::{Document, Fields, Node, Read};
use controlplane::{Fault, Relist, Target};
use object::Value;
use std::time::Duration;

/// One entry of the list of faults.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// The name, by which a run can leave it out.
    pub name: String,
    /// What it says.
    pub plan: Plan,
}

impl FaultPlan {
    /// Gives what may go wrong: of what is drawn, an example for each value that is listed.
    pub(crate) fn kinds(&self) -> Vec<FaultKind> {
        match &self.plan {
            Plan::Fixed { kind, .. } => vec![kind.clone()],
            Plan::Drawn(draw) => draw.examples().filter_map(Result::ok).collect(),
        }
    }
}

impl Draw {
    /// Reads each alternative with the first of all open values, the second, and so on.
    fn examples(&self) -> impl Iterator<Item = Read<FaultKind>> {
        self.of.iter().flat_map(move |alternative| {
            let picks = 0..alternatives(&alternative.template).max(2);
            picks.map(move |pick| read_drawn(self, alternative, &mut |_, n| pick.min(n - 1)))
        })
    }
}

/// Whether a fault is fixed or drawn.
#[derive(Clone, Debug)]
pub enum Plan {
    /// It happens as written.
    Fixed {
        /// When it begins.
        at: Duration,
        /// How long it lasts; nothing means until all faults stop.
        lasting: Option<Duration>,
        /// What goes wrong.
        kind: FaultKind,
    },
    /// How many, which, when and how long is drawn.
    Drawn(Draw),
}

/// Faults to draw.
#[derive(Clone, Debug)]
pub struct Draw {
    /// The least and the most there are.
    pub count: (u64, u64),
    /// When one begins, at the earliest and at the latest.
    pub between: (Duration, Duration),
    /// How short and how long one lasts.
    pub lasting: (Duration, Duration),
    /// What there is to draw from.
    pub of: Vec<Alternative>,
    pub(crate) document: Document,
}

/// One kind of fault to draw, with ranges and lists where it is open.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// How often it is drawn, beside the others' weights.
    pub weight: u64,
    /// What a file says of it: in it, a map of `min` and `max` stands for a range, a list for a choice.
    pub template: Value,
    pub(crate) pointer: String,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// A fault at the API.
    Api(Fault),
    /// Etcd answers nothing.
    StallEtcd,
    /// Every write takes etcd longer, as on a slow disk.
    SlowEtcd {
        /// How much longer, at least and at most.
        write: (Duration, Duration),
    },
    /// A process can no longer renew the lease by which it leads, so that it ends and another may lead.
    LoseLeadership {
        /// The process.
        process: String,
    },
    /// Etcd is restored from a backup, which is this many revisions old; it restarts.
    RestoreEtcd {
        /// How many revisions are lost.
        revisions: u64,
        /// How far the revision is raised beyond what it was then, so that clients notice; 0 for not at all.
        bump: u64,
        /// How long etcd is down.
        down: Duration,
    },
    /// A process dies and is started again at the end of the fault.
    Crash {
        /// The process.
        process: String,
        /// Whether its machine dies with it, so that peers are not told.
        machine: bool,
    },
    /// A process stands still.
    Pause {
        /// The process.
        process: String,
    },
    /// Nothing gets from one process to another; the other direction stays.
    Partition {
        /// Where it comes from.
        from: String,
        /// Where it does not arrive.
        to: String,
    },
    /// Nothing gets from or to a process.
    Isolate {
        /// The process.
        process: String,
    },
    /// A link from one process to another is slow or loses packets.
    SlowLink {
        /// Where it comes from.
        from: String,
        /// Where it goes.
        to: String,
        /// The least and the most time a message takes.
        latency: (Duration, Duration),
        /// Lost packets, per million.
        loss_ppm: u32,
    },
    /// All connections between two processes are reset, once.
    BreakConnections {
        /// One process.
        one: String,
        /// The other.
        other: String,
    },
    /// A wall clock is set forward or back, once.
    JumpClock {
        /// The process.
        process: String,
        /// By how many nanoseconds; back if negative.
        by_ns: i64,
    },
    /// A wall clock runs too fast or too slow.
    DriftClock {
        /// The process.
        process: String,
        /// Parts per million; slow if negative.
        ppm: i64,
    },
}

impl FaultKind {
    /// Tells whether it happens once, so that it has no end.
    pub fn is_momentary(&self) -> bool {
        let closes = matches!(self, Self::Api(Fault::CloseWatch { .. }));
        closes
            || matches!(
                self,
                Self::BreakConnections { .. } | Self::JumpClock { .. } | Self::RestoreEtcd { .. }
            )
    }

    /// Gives the name that files use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Api(Fault::PauseWatch { .. }) => "pauseWatch",
            Self::Api(Fault::DelayWatch { .. }) => "delayWatch",
            Self::Api(Fault::DropBookmarks { .. }) => "dropBookmarks",
            Self::Api(Fault::CloseWatch { .. }) => "closeWatch",
            Self::Api(Fault::ExpireWatch { .. }) => "expireWatch",
            Self::Api(Fault::LagCache { .. }) => "lagCache",
            Self::Api(Fault::LoseResponse { .. }) => "loseResponse",
            Self::Api(Fault::Refuse { .. }) => "refuse",
            Self::StallEtcd => "stallEtcd",
            Self::SlowEtcd { .. } => "slowEtcd",
            Self::LoseLeadership { .. } => "loseLeadership",
            Self::RestoreEtcd { .. } => "restoreEtcd",
            Self::Crash { .. } => "crash",
            Self::Pause { .. } => "pause",
            Self::Partition { .. } => "partition",
            Self::Isolate { .. } => "isolate",
            Self::SlowLink { .. } => "slowLink",
            Self::BreakConnections { .. } => "breakConnections",
            Self::JumpClock { .. } => "jumpClock",
            Self::DriftClock { .. } => "driftClock",
        }
    }

    /// Gives the processes that it names.
    pub(crate) fn processes(&self) -> Vec<&str> {
        match self {
            Self::Api(fault) => {
                Some(&*fault.target().client).filter(|client| *client != "*").into_iter().collect()
            }
            Self::StallEtcd | Self::SlowEtcd { .. } | Self::RestoreEtcd { .. } => Vec::new(),
            Self::LoseLeadership { process }
            | Self::Crash { process, .. }
            | Self::Pause { process }
            | Self::Isolate { process }
            | Self::JumpClock { process, .. }
            | Self::DriftClock { process, .. } => vec![process],
            Self::Partition { from, to } | Self::SlowLink { from, to, .. } => vec![from, to],
            Self::BreakConnections { one, other } => vec![one, other],
        }
    }
}

/// The most faults that one entry may draw.
const DRAWN_MAX: u32 = 1000;
/// One in a million, as probabilities are kept.
const MILLION: f64 = 1e6;

/// Reads the list of faults.
pub(crate) fn read_faults(node: &Node<'_>) -> Read<Vec<FaultPlan>> {
    let mut plans: Vec<FaultPlan> = Vec::new();
    for (at, item) in node.items()?.into_iter().enumerate() {
        let mut fields = item.fields()?;
        let name = fields.or("name", format!("fault-{at}"), |name| name.text().map(str::to_owned))?;
        if plans.iter().any(|plan| plan.name == name) {
            return Err(item.error(format!("a second fault is named {name:?}")));
        }
        let plan = match fields.get("draw") {
            Some(draw) => Plan::Drawn(read_draw(&draw)?),
            None => read_fixed(&mut fields)?,
        };
        fields.finish()?;
        plans.push(FaultPlan { name, plan });
    }
    Ok(plans)
}

fn read_fixed(fields: &mut Fields<'_>) -> Read<Plan> {
    let at = fields.or("at", Duration::ZERO, Node::duration)?;
    let lasting = fields.maybe("for", Node::duration)?;
    let until = fields.get("until");
    let lasting = match (lasting, until) {
        (Some(_), Some(until)) => return Err(until.error("either for or until, not both")),
        (lasting, None) => lasting,
        (None, Some(until)) => {
            let end = until.duration()?;
            Some(end.checked_sub(at).ok_or_else(|| until.error("until lies before at"))?)
        }
    };
    let kind = read_kind(fields)?;
    if kind.is_momentary() && lasting.is_some() {
        return Err(fields
            .node()
            .error(format!("{} happens once: it takes neither for nor until", kind.name())));
    }
    Ok(Plan::Fixed { at, lasting, kind })
}

fn read_draw(node: &Node<'_>) -> Read<Draw> {
    let mut fields = node.fields()?;
    let count = read_range(&fields.require("count")?, |node| node.count(DRAWN_MAX).map(|n| n as u64))?;
    let between = read_range_of(&fields.require("between")?, ["from", "to"], Node::duration)?;
    let lasting = read_range(&fields.require("for")?, Node::duration)?;
    let mut of = Vec::new();
    for item in fields.require("of")?.items()? {
        let mut alternative = item.fields()?;
        let weight = alternative.or("weight", 1, |node| node.int(0, 1_000_000))?.unsigned_abs();
        let template = item.value.clone();
        of.push(Alternative { weight, template, pointer: item.pointer.clone() });
    }
    fields.finish()?;
    if of.iter().all(|alternative| alternative.weight == 0) {
        return Err(node.error("nothing to draw from: every weight is 0"));
    }
    let draw = Draw { count, between, lasting, of, document: node.document.clone() };
    // Every value that may be drawn is read once, so that no draw can fail.
    draw.examples().try_for_each(|example| example.map(|_| ()))?;
    Ok(draw)
}

/// Gives the length of the longest list in a tree.
fn alternatives(template: &Value) -> u64 {
    match template {
        Value::List(list) => list.iter().map(alternatives).max().unwrap_or(0).max(list.len() as u64),
        Value::Map(map) => map.iter().map(|(_, value)| alternatives(value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads a fault whose open values `choose` decides: it is given a path and a number of possibilities.
pub(crate) fn read_drawn(
    draw: &Draw,
    alternative: &Alternative,
    choose: &mut dyn FnMut(&str, u64) -> u64,
) -> Read<FaultKind> {
    let decided = decide(&alternative.template, "", choose);
    let node = Node { document: &draw.document, value: &decided, pointer: alternative.pointer.clone() };
    let mut fields = node.fields()?;
    fields.get("weight");
    let kind = read_kind(&mut fields)?;
    fields.finish()?;
    Ok(kind)
}

/// Puts a value where a template leaves several.
fn decide(template: &Value, path: &str, choose: &mut dyn FnMut(&str, u64) -> u64) -> Value {
    match template {
        Value::List(list) if !list.is_empty() => {
            let at = choose(path, list.len() as u64);
            decide(&list.as_slice()[usize::try_from(at).unwrap_or(0)], path, choose)
        }
        Value::Map(map) if map.len() == 2 && map.contains("min") && map.contains("max") => {
            within(&template["min"], &template["max"], path, choose).unwrap_or_else(|| template.clone())
        }
        Value::Map(map) => {
            let decided = map.iter().map(|(key, value)| {
                let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                (key.clone(), decide(value, &path, choose))
            });
            decided.collect()
        }
        other => other.clone(),
    }
}

/// Draws between two bounds: whole numbers, probabilities in steps of a millionth, durations in milliseconds.
fn within(min: &Value, max: &Value, path: &str, choose: &mut dyn FnMut(&str, u64) -> u64) -> Option<Value> {
    if let (Some(min), Some(max)) = (min.as_i64(), max.as_i64()) {
        let span = max.checked_sub(min).filter(|span| *span >= 0)?.unsigned_abs() + 1;
        return Some(Value::from(min + choose(path, span) as i64));
    }
    let number = |value: &Value| value.as_f64().or_else(|| value.as_i64().map(|n| n as f64));
    if let (Some(min), Some(max)) = (number(min), number(max)) {
        let steps = ((max - min) * MILLION).round();
        return (steps >= 0.0).then(|| Value::from(min + choose(path, steps as u64 + 1) as f64 / MILLION));
    }
    let nanos =
        |value: &Value| object::GoDuration::parse(value.as_str()?).ok().map(object::GoDuration::as_nanos);
    let (min, max) = (nanos(min)?, nanos(max)?);
    let span = max.checked_sub(min).filter(|span| *span >= 0)?.unsigned_abs() / 1_000_000 + 1;
    let drawn = min + choose(path, span) as i64 * 1_000_000;
    Some(Value::from(object::GoDuration::from_nanos(drawn).to_string()))
}

fn read_range<'a, T: PartialOrd + Copy>(
    node: &Node<'a>,
    read: impl Fn(&Node<'a>) -> Read<T>,
) -> Read<(T, T)> {
    read_range_of(node, ["min", "max"], read)
}

/// Reads a range; a single value stands for one from itself to itself.
fn read_range_of<'a, T: PartialOrd + Copy>(
    node: &Node<'a>,
    [low, high]: [&'static str; 2],
    read: impl Fn(&Node<'a>) -> Read<T>,
) -> Read<(T, T)> {
    if node.value.as_map().is_none() {
        let only = read(node)?;
        return Ok((only, only));
    }
    let mut fields = node.fields()?;
    let (least, most) = (read(&fields.require(low)?)?, read(&fields.require(high)?)?);
    fields.finish()?;
    if most < least { Err(node.error(format!("{high} is less than {low}"))) } else { Ok((least, most)) }
}

type ReadKind = fn(&mut Fields<'_>) -> Read<FaultKind>;

/// The kinds of faults by the field that holds their details.
const KINDS: &[(&str, ReadKind)] = &[
    ("pauseWatch", |fields| {
        let relist = [("frozen", Relist::Frozen), ("fresh", Relist::Fresh)];
        let relist = fields.or("relist", Relist::Frozen, |node| node.word(&relist))?;
        Ok(FaultKind::Api(Fault::PauseWatch { target: target(fields, "client")?, relist }))
    }),
    ("delayWatch", |fields| {
        let delay = fields.require("delay")?.duration()?;
        Ok(FaultKind::Api(Fault::DelayWatch { target: target(fields, "client")?, delay }))
    }),
    ("dropBookmarks", |fields| {
        Ok(FaultKind::Api(Fault::DropBookmarks { target: target(fields, "client")? }))
    }),
    ("closeWatch", |fields| Ok(FaultKind::Api(Fault::CloseWatch { target: target(fields, "client")? }))),
    ("expireWatch", |fields| Ok(FaultKind::Api(Fault::ExpireWatch { target: target(fields, "client")? }))),
    ("lagCache", |fields| {
        let lag = fields.require("lag")?.duration()?;
        Ok(FaultKind::Api(Fault::LagCache { target: target(fields, "apiserver")?, lag }))
    }),
    ("loseResponse", |fields| {
        let ppm = probability(fields)?;
        Ok(FaultKind::Api(Fault::LoseResponse { target: target(fields, "client")?, ppm }))
    }),
    ("refuse", |fields| {
        let verb = fields.or("verb", "*".to_owned(), |node| node.text().map(str::to_owned))?.into();
        let codes = fields.require("code")?;
        let code = u16::try_from(codes.int(400, 599)?).expect("checked");
        let ppm = probability(fields)?;
        Ok(FaultKind::Api(Fault::Refuse { target: target(fields, "client")?, verb, code, ppm }))
    }),
    ("stallEtcd", |_| Ok(FaultKind::StallEtcd)),
    ("slowEtcd", |fields| {
        Ok(FaultKind::SlowEtcd { write: read_range(&fields.require("write")?, Node::duration)? })
    }),
    ("loseLeadership", |fields| Ok(FaultKind::LoseLeadership { process: process(fields, "process")? })),
    ("restoreEtcd", |fields| {
        let revisions = fields.require("revisions")?.int(1, 1_000_000_000)?.unsigned_abs();
        let bump = fields.or("bump", 0, |node| node.int(0, 1_000_000_000_000))?.unsigned_abs();
        let down = fields.or("down", Duration::from_secs(5), Node::duration)?;
        Ok(FaultKind::RestoreEtcd { revisions, bump, down })
    }),
    ("crash", |fields| {
        let machine = fields.or("machine", false, Node::bool)?;
        Ok(FaultKind::Crash { process: process(fields, "process")?, machine })
    }),
    ("pause", |fields| Ok(FaultKind::Pause { process: process(fields, "process")? })),
    ("partition", |fields| {
        Ok(FaultKind::Partition { from: process(fields, "from")?, to: process(fields, "to")? })
    }),
    ("isolate", |fields| Ok(FaultKind::Isolate { process: process(fields, "process")? })),
    ("slowLink", |fields| {
        let latency = read_range(&fields.require("latency")?, Node::duration)?;
        let loss = fields.or("loss", 0.0, fraction)?;
        Ok(FaultKind::SlowLink {
            from: process(fields, "from")?,
            to: process(fields, "to")?,
            latency,
            loss_ppm: (loss * MILLION).round() as u32,
        })
    }),
    ("breakConnections", |fields| {
        Ok(FaultKind::BreakConnections { one: process(fields, "one")?, other: process(fields, "other")? })
    }),
    ("jumpClock", |fields| {
        let by_ns = fields.require("by")?.signed_duration()?;
        Ok(FaultKind::JumpClock { process: process(fields, "process")?, by_ns })
    }),
    ("driftClock", |fields| {
        let ppm = fields.require("ppm")?.int(-1_000_000, 1_000_000)?;
        Ok(FaultKind::DriftClock { process: process(fields, "process")?, ppm })
    }),
];

/// Reads what goes wrong: exactly one of the kinds.
fn read_kind(fields: &mut Fields<'_>) -> Read<FaultKind> {
    let mut found: Option<FaultKind> = None;
    for (name, read) in KINDS {
        let Some(node) = fields.get(name) else { continue };
        if let Some(first) = &found {
            return Err(node.error(format!("one fault is either {} or {name}, not both", first.name())));
        }
        let mut details = node.fields()?;
        found = Some(read(&mut details)?);
        details.finish()?;
    }
    if let Some(kind) = found {
        return Ok(kind);
    }
    let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    match fields.others().next() {
        Some(other) => Err(fields.node().error(super::error::unknown("kind of fault", other, &known))),
        None => Err(fields.node().error(format!("what goes wrong is missing: one of {}", known.join(", ")))),
    }
}

fn target(fields: &mut Fields<'_>, client: &'static str) -> Read<Target> {
    let client = fields.require(client)?.text()?;
    let resource = fields.or("resource", "*", Node::text)?;
    Ok(Target::new(client, resource))
}

fn process(fields: &mut Fields<'_>, name: &'static str) -> Read<String> {
    fields.require(name)?.text().map(str::to_owned)
}

fn fraction(node: &Node<'_>) -> Read<f64> {
    let fraction = node.number()?;
    if (0.0..=1.0).contains(&fraction) {
        Ok(fraction)
    } else {
        Err(node.error("a probability lies from 0 to 1"))
    }
}

fn probability(fields: &mut Fields<'_>) -> Read<u64> {
    Ok((fields.or("probability", 1.0, fraction)? * MILLION).round() as u64)
}
