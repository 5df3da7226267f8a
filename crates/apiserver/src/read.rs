//! The verbs that read: get, list, watch.

use crate::call::{Call, read_refusal};
use crate::continuation::Continuation;
use crate::driver::{Driver, ReadAt, ReadError};
use crate::fields;
use crate::response::{Body, List, Response};
use crate::status::Refusal;
use crate::watch::{WatchFilter, WatchFrom, WatchStart};
use object::{FieldSelector, Selector, Value};
use store::Snapshot;

impl<D: Driver> Call<'_, D> {
    /// Answers with one object.
    pub async fn get(&self) -> Result<Response, Refusal> {
        let at = match &*self.request.options.resource_version {
            "" => ReadAt::Latest,
            "0" => ReadAt::Any,
            // The list of the same resource answers 400; a get and a watch answer 500 without a reason.
            text => ReadAt::NotOlderThan(revision(text).map_err(Refusal::internal)?),
        };
        Ok(Response::object(200, self.shown(self.read_present(at).await?)))
    }

    /// Agrees to a watch.
    pub fn watch(&self) -> Result<Response, Refusal> {
        let options = &self.request.options;
        let (labels, fields) = self.selectors()?;
        let asked = match &*options.resource_version {
            "" => None,
            text => Some(revision(text).map_err(Refusal::internal)?),
        };
        let initial = match asked {
            None => WatchFrom::Initial(ReadAt::Latest),
            Some(0) => WatchFrom::Initial(ReadAt::Any),
            Some(revision) => WatchFrom::Initial(ReadAt::NotOlderThan(revision)),
        };
        let from = match (options.send_initial_events, asked) {
            (Some(true), _) | (None, None | Some(0)) => initial,
            (_, Some(revision)) if revision > 0 => WatchFrom::After(revision),
            _ => WatchFrom::Now,
        };
        let wants_list = options.send_initial_events == Some(true);
        let start = WatchStart {
            resource: self.storage.clone(),
            from,
            filter: WatchFilter::new(
                self.storage.clone(),
                self.resource.kind.clone(),
                self.api_version.clone(),
                self.request.namespace.clone(),
                labels,
                fields,
            ),
            bookmarks: options.allow_watch_bookmarks,
            initial_events_end: wants_list && options.allow_watch_bookmarks,
            timeout_s: options.timeout_s.filter(|seconds| *seconds > 0),
        };
        Ok(Response {
            code: 200,
            body: Body::Watch(Box::new(start)),
            warnings: Vec::new(),
            retry_after_s: None,
        })
    }

    /// Answers with all objects that the options select.
    pub async fn list(&self) -> Result<Response, Refusal> {
        let list = self.listed().await?;
        Ok(Response {
            code: 200,
            body: Body::List(Box::new(list)),
            warnings: Vec::new(),
            retry_after_s: None,
        })
    }

    /// Lists what the options select.
    pub async fn listed(&self) -> Result<List, Refusal> {
        let (labels, fields) = self.selectors()?;
        let plan = self.plan()?;
        let snapshot = self.driver.list(&self.storage, plan.at).await;
        let snapshot = snapshot.map_err(|error| self.list_refusal(error, &plan))?;
        let mut list = List {
            kind: format!("{}List", self.resource.kind).into(),
            api_version: self.api_version.clone(),
            revision: snapshot.revision(),
            continue_token: String::new(),
            remaining: None,
            items: Vec::new(),
        };
        let everything = labels.is_everything() && fields.is_everything();
        let pass = |object: &Value| {
            everything
                || (labels.matches(&object["metadata"]["labels"])
                    && fields::matches(&self.storage, &fields, object))
        };
        self.fill(&mut list, &snapshot, &plan, fields.exact("metadata.name"), everything, pass);
        Ok(list)
    }

    fn fill(
        &self,
        list: &mut List,
        snapshot: &Snapshot,
        plan: &Plan,
        only_name: Option<&str>,
        everything: bool,
        pass: impl Fn(&Value) -> bool,
    ) {
        let namespace = Some(&*self.request.namespace).filter(|namespace| !namespace.is_empty());
        if let (Some(name), true, "") =
            (only_name, namespace.is_some() || !self.resource.namespaced, plan.after())
        {
            // One name within one scope is one object: no need to look at the others.
            let found = snapshot.get(&self.storage, &self.request.namespace, name);
            list.items.extend(found.filter(|object| pass(object)).map(|object| self.shown(object.clone())));
            return;
        }
        let mut entries = snapshot.entries_after(&self.storage, namespace, plan.after());
        for (key, object) in entries.by_ref() {
            if !pass(object) {
                continue;
            }
            list.items.push(self.shown(object.clone()));
            if plan.limit > 0 && list.items.len() == plan.limit {
                let remaining = entries.count();
                if remaining > 0 {
                    list.continue_token = Continuation::new(snapshot.revision(), key.as_str()).encode();
                    list.remaining = everything.then_some(remaining);
                }
                return;
            }
        }
    }

    /// Reads the selectors of the options.
    pub fn selectors(&self) -> Result<(Selector, FieldSelector), Refusal> {
        let options = &self.request.options;
        let bad = |error: object::SelectorError| Refusal::bad_request(error.to_string());
        let fields = FieldSelector::parse(&options.field_selector).map_err(bad)?;
        let labels = Selector::parse(&options.label_selector).map_err(bad)?;
        fields::check(&self.storage, &fields)?;
        Ok((labels, fields))
    }

    /// Decides which state a list shows, and from where on.
    fn plan(&self) -> Result<Plan, Refusal> {
        let options = &self.request.options;
        if !options.continue_token.is_empty() {
            let token = Continuation::decode(&options.continue_token)
                .map_err(|why| Refusal::bad_request(format!("invalid continue token: {why}")))?;
            if !matches!(&*options.resource_version, "" | "0") {
                let message = "specifying resource version is not allowed when using continue";
                return Err(Refusal::bad_request(message));
            }
            let at = token.revision.map_or(ReadAt::Latest, ReadAt::Exact);
            return Ok(Plan { at, limit: options.limit, token: Some(token) });
        }
        let text = &*options.resource_version;
        if text.is_empty() {
            return Ok(Plan { at: ReadAt::Latest, limit: options.limit, token: None });
        }
        let bad = |why| Refusal::bad_request(format!("invalid resource version: {why}"));
        let asked = revision(text).map_err(bad)?;
        let exact = match &*options.resource_version_match {
            "Exact" => true,
            "NotOlderThan" => false,
            // The legacy rule: a limit makes a revision exact.
            _ => options.limit > 0 && asked > 0,
        };
        Ok(match asked {
            // What the server happens to hold is given whole.
            0 => Plan { at: ReadAt::Any, limit: 0, token: None },
            _ if exact => Plan { at: ReadAt::Exact(asked), limit: options.limit, token: None },
            _ => Plan { at: ReadAt::NotOlderThan(asked), limit: options.limit, token: None },
        })
    }

    /// Words a failed list; an expired token comes with one that goes on from the same place, inconsistently.
    fn list_refusal(&self, error: ReadError, plan: &Plan) -> Refusal {
        match (&error, &plan.token) {
            (ReadError::Compacted { .. }, Some(token)) => Refusal::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a \
                 new list without the continue parameter, or use the continue token in this response to retrieve \
                 the remainder of the results. Continuing with the provided token results in an inconsistent list \
                 - objects that were created, modified, or deleted between the time the first chunk was returned \
                 and now may show up in the list.",
            )
            .with_continue(token.inconsistent().encode()),
            _ => read_refusal(error, plan.at),
        }
    }
}

/// How a list is read.
struct Plan {
    at: ReadAt,
    limit: usize,
    token: Option<Continuation>,
}

impl Plan {
    /// Gives the key after which the list goes on.
    fn after(&self) -> &str {
        self.token.as_ref().map_or("", |token| &token.after)
    }
}

/// Reads a resourceVersion; the message is Go's.
fn revision(text: &str) -> Result<u64, String> {
    let why = match text.parse::<u64>() {
        Ok(revision) => return Ok(revision),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => "value out of range",
        Err(_) => "invalid syntax",
    };
    Err(format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"))
}
