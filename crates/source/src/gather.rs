//! From documents to a view: Lists are opened, what is no object is named, doubles are told apart.

mod batch;
pub(crate) mod kinds;

pub(crate) use batch::{Batch, Document, Fault, File};

use crate::error::skipped_note;
use crate::redact::redact;
use crate::{Loaded, NowFrom, Options, Origin, SourceError, Trouble};
use batch::{Given, Place};
use kinds::Kinds;
use object::{GroupResource, GroupVersion, ObjectExt, Text, Time, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use view::{Problem, Unread, View, newest_time};

/// Why an absent resource counts as unread.
const ABSENT: &str = "none were given, and there may be some that were not exported";

/// What is said of an export of everything.
const WHOLE: &str = "taken for the export of a whole cluster, for it holds every resource that no cluster is without: \
                     of kinds it does not hold, Secrets and events aside, there are none";

/// This many objects are named in one note; the others are counted.
const NAMED_MAX: usize = 5;

/// Makes a view of what files held.
pub(crate) fn gather(batch: Batch, origin: Origin, options: &Options<'_>) -> Result<Loaded, SourceError> {
    let Batch { files, objects, lists, mut troubles, broken, skipped, .. } = batch;
    let kinds = Kinds::of(objects.iter().map(|given| &given.object));
    let mut gathering =
        Gathering { files: &files, kinds, kept: Vec::new(), places: BTreeMap::new(), ..Gathering::default() };
    for given in objects {
        if let Err(trouble) = gathering.add(given) {
            troubles.push(trouble);
        }
    }
    let Gathering { kinds, mut kept, doubles, older, defaulted, not_for_clusters, conflicts, .. } = gathering;
    troubles.extend(conflicts);

    let mut read: BTreeSet<GroupResource> = kept.iter().map(|given| kinds.resource(&given.object)).collect();
    let mut notes = Vec::new();
    for list in lists.iter().filter(|list| list.is_empty || list.kind != "List") {
        match kinds.of_list(list, &files) {
            Some(resource) => _ = read.insert(resource),
            None => notes.push(format!("{}: an empty List that does not say of what", files[list.file].name)),
        }
    }
    // A quiet namespace must not be judged as of its own last event.
    let (now, now_from) = now(options.at, &kept);
    if let Some(namespace) = options.namespace {
        restrict(&mut kept, namespace, &origin)?;
    }

    let (places, values): (Vec<Place>, Vec<Value>) =
        kept.into_iter().map(|given| (given.place, given.object)).unzip();
    let objects = values.len();
    let mut view = View::from_objects_with(values, now, kinds.plurals.clone());
    if let Some(namespace) = options.namespace {
        view = view.with_namespace(namespace);
    }
    troubles.extend(view.problems().iter().map(|problem| refused(problem, &places, &files)));

    for lost in &broken {
        if let Some(resource) = kinds.resource_named(&lost.api_version, &lost.kind) {
            view = view.with_unread(Unread::new(&resource, None, &lost.reason));
        }
    }
    let is_whole = kinds::is_whole_cluster(&read);
    if is_whole {
        notes.push(WHOLE.to_owned());
    }
    let is_absent = |resource: &GroupResource| {
        let may_exist = !is_whole || kinds::is_often_left_out(resource);
        may_exist && !read.contains(resource) && view.readable(resource).is_ok()
    };
    let absent: Vec<GroupResource> = kinds::built_in().filter(is_absent).collect();
    for resource in &absent {
        view = view.with_unread(Unread::new(resource, None, ABSENT));
    }
    notes.extend(count_note(&doubles, "came more than once, all alike"));
    notes.extend(count_note(&older, "came more than once; the newest revision of each is judged"));
    notes.extend(count_note(&defaulted, "named no namespace and count as in namespace default"));
    notes.extend(count_note(&not_for_clusters, "are instructions for kustomize, not objects of a cluster"));
    if skipped > 0 {
        notes.push(skipped_note(skipped));
    }
    troubles.sort_by(|a, b| (&a.file, a.document, a.item).cmp(&(&b.file, b.document, b.item)));
    let troubles = fold_alike(troubles);
    Ok(Loaded { view, origin, now_from, objects, troubles, notes, absent })
}

#[derive(Default)]
struct Gathering<'a> {
    files: &'a [batch::FileName],
    kinds: Kinds,
    kept: Vec<Given>,
    /// Where in `kept` an object lies, by group, kind, namespace and name.
    places: BTreeMap<(Text, Text, Text, Text), usize>,
    doubles: Vec<String>,
    older: Vec<String>,
    defaulted: Vec<String>,
    not_for_clusters: Vec<String>,
    conflicts: Vec<Trouble>,
}

impl Gathering<'_> {
    fn add(&mut self, mut given: Given) -> Result<(), Trouble> {
        let object = &mut given.object;
        if object.api_version().starts_with("kustomize.config.k8s.io/") {
            self.not_for_clusters.push(self.files[given.place.file].name.clone());
            return Ok(());
        }
        let group = usable(object).map_err(|message| given.place.trouble(self.files, message))?;
        redact(object);
        if object.namespace().is_empty() && self.kinds.is_namespaced(&group, object.kind()) {
            object.set(&["metadata", "namespace"], "default");
            self.defaulted.push(named(object));
        }
        let text = |value: &Value| value.as_text().cloned().unwrap_or_default();
        let metadata = &object["metadata"];
        let key = (group, text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]));
        match self.places.get(&key) {
            None => {
                self.places.insert(key, self.kept.len());
                self.kept.push(given);
            }
            Some(at) => self.double(*at, given),
        }
        Ok(())
    }

    /// Settles which of two objects of one name is judged.
    fn double(&mut self, at: usize, given: Given) {
        let kept = &mut self.kept[at];
        let name = named(&kept.object);
        if kept.object == given.object {
            self.doubles.push(name);
        } else if kept.object.revision() != given.object.revision() {
            self.older.push(name);
            if given.object.revision() > kept.object.revision() {
                *kept = given;
            }
        } else {
            let first = kept.place.text(self.files);
            let message = format!("{name} differs from the one in {first}, which is judged instead");
            self.conflicts.push(given.place.trouble(self.files, message));
        }
    }
}

/// Gives the group of a usable object.
fn usable(object: &Value) -> Result<Text, String> {
    if object.as_map().is_none() {
        return Err("no object but a bare value".to_owned());
    }
    for field in ["apiVersion", "kind"] {
        match object[field].as_str() {
            Some("") | None if object[field].is_null() => {
                return Err(format!("no object of Kubernetes: it has no {field}"));
            }
            Some("") | None => return Err(format!("{field} is no name: {}", object[field])),
            _ => {}
        }
    }
    let (kind, name) = (object.kind(), &object["metadata"]["name"]);
    let group = GroupVersion::parse(object.api_version()).map_err(|error| error.to_string())?.group;
    match name.as_str() {
        Some("") | None if !object["metadata"]["generateName"].is_null() => Err(format!(
            "this {kind} has no metadata.name, only a generateName, so it cannot be told from others"
        )),
        Some("") | None if name.is_null() => Err(format!("this {kind} has no metadata.name")),
        Some("") | None => Err(format!("metadata.name of this {kind} is no name: {name}")),
        Some(_) => Ok(group),
    }
}

fn named(object: &Value) -> String {
    format!("{} {}", object.kind(), object.full_name())
}

/// Leaves out what lies in other namespaces.
fn restrict(kept: &mut Vec<Given>, namespace: &str, origin: &Origin) -> Result<(), SourceError> {
    let is_it = |object: &Value| {
        object.kind() == "Namespace" && object.api_version() == "v1" && object.name() == namespace
    };
    if !kept.iter().any(|given| given.object.namespace() == namespace || is_it(&given.object)) {
        let place = match origin {
            Origin::Manifests { path, .. } => path.clone(),
            Origin::Cluster { context, .. } => format!("context {context}"),
        };
        return Err(SourceError::NoSuchNamespace { namespace: namespace.to_owned(), place });
    }
    kept.retain(|Given { object, .. }| {
        let is_other_namespace =
            object.kind() == "Namespace" && object.api_version() == "v1" && object.name() != namespace;
        !is_other_namespace && (object.namespace().is_empty() || object.namespace() == namespace)
    });
    Ok(())
}

fn now(at: Option<Time>, kept: &[Given]) -> (Time, NowFrom) {
    if let Some(at) = at {
        return (at, NowFrom::Caller);
    }
    if let Some(newest) = newest_time(kept.iter().map(|given| &given.object)) {
        return (newest, NowFrom::Objects);
    }
    (clock(), NowFrom::Clock)
}

/// Gives this machine's time, whole seconds.
pub(crate) fn clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_seconds(i64::try_from(since.as_secs()).unwrap_or_default())
}

/// Says what the view itself would not take.
fn refused(problem: &Problem, places: &[Place], files: &[batch::FileName]) -> Trouble {
    match problem {
        Problem::NotAnObject { position, reason } => places[*position].trouble(files, reason.clone()),
        other => Trouble { message: other.to_string(), ..Trouble::default() },
    }
}

/// Tells once what is wrong with many items of one List alike.
fn fold_alike(troubles: Vec<Trouble>) -> Vec<Trouble> {
    let mut folded: Vec<(Trouble, usize)> = Vec::new();
    for trouble in troubles {
        match folded.last_mut() {
            Some((first, more))
                if trouble.item.is_some()
                    && (&first.file, first.document, &first.message)
                        == (&trouble.file, trouble.document, &trouble.message) =>
            {
                *more += 1;
            }
            _ => folded.push((trouble, 0)),
        }
    }
    let counted = folded.into_iter().map(|(mut trouble, more)| {
        if more > 0 {
            trouble.message.push_str(&format!("; so are {more} items after it"));
        }
        trouble
    });
    counted.collect()
}

fn count_note(names: &[String], what: &str) -> Option<String> {
    let (named, rest) = names.split_at(names.len().min(NAMED_MAX));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    (!names.is_empty()).then(|| format!("{}{more} {what}", named.join(", ")))
}
