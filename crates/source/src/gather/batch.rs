//! What was read, before it is looked at: objects with their places, Lists, faults.

use crate::Trouble;
use object::{ObjectExt, Value};

/// Lists nest no deeper than this.
const LIST_DEPTH_MAX: usize = 8;

/// Everything that files held.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub files: Vec<FileName>,
    pub objects: Vec<Given>,
    /// The Lists, of which an empty one says that there is nothing.
    pub lists: Vec<SeenList>,
    pub troubles: Vec<Trouble>,
    /// The kinds of what could not be read, as far as they can be told.
    pub broken: Vec<Lost>,
    /// Files that were skipped because of their names.
    pub skipped: usize,
}

/// A file's names.
#[derive(Clone, Debug)]
pub(crate) struct FileName {
    /// The name it is spoken of by.
    pub name: String,
    /// The last part of its path without the extension, which may be a resource's name.
    pub stem: String,
}

/// An object and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub object: Value,
    pub place: Place,
}

/// A place in the files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Which of the files.
    pub file: usize,
    /// The document, from 1.
    pub document: usize,
    /// The line on which the document begins, from 1.
    pub line: usize,
    /// The item of the List, from 1.
    pub item: Option<usize>,
}

/// A List that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct SeenList {
    pub file: usize,
    pub api_version: String,
    /// `List` or the kind of its items followed by it.
    pub kind: String,
    pub is_empty: bool,
}

/// A kind of which something could not be read.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub api_version: String,
    pub kind: String,
    pub reason: String,
}

/// Where a text went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// From 1.
    pub line: usize,
    /// From 1; 0 where unknown.
    pub column: usize,
    pub message: String,
}

/// One document, whose items may have been taken out already.
#[derive(Debug)]
pub(crate) struct Document {
    pub head: Value,
    pub items: Option<Vec<Value>>,
    pub line: usize,
}

impl Document {
    /// Makes a document of one value.
    pub(crate) fn whole(value: Value, line: usize) -> Self {
        Self { head: value, items: None, line }
    }
}

impl Batch {
    /// Begins a file.
    pub(crate) fn file(&mut self, name: &str, stem: &str) -> File<'_> {
        let number = self.files.len();
        self.files.push(FileName { name: name.to_owned(), stem: stem.to_owned() });
        File { batch: self, number, documents: 0 }
    }

    /// Tells how many files were read.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// Tells whether there was nothing at all, not even something wrong.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.objects.is_empty() && self.lists.is_empty() && self.troubles.is_empty()
    }
}

/// A file being read.
pub(crate) struct File<'a> {
    batch: &'a mut Batch,
    number: usize,
    documents: usize,
}

impl File<'_> {
    /// Adds a document.
    pub(crate) fn add(&mut self, document: Document) {
        self.documents += 1;
        let place = self.place(document.line);
        self.open(document.head, document.items, place, LIST_DEPTH_MAX);
    }

    /// Adds what was read of a document before it broke off; a List of which items are missing is no List that says
    /// how many there are.
    pub(crate) fn add_broken(&mut self, mut document: Document, fault: Fault) {
        let items = document.items.unwrap_or_default();
        if document.head.kind().is_empty() {
            // The kind may stand after the items; the file's name may tell it too.
            document.head =
                super::kinds::list_named(&self.batch.files[self.number].stem).unwrap_or(document.head);
        }
        let mut kinds = vec![kind_of(&document.head)];
        for item in &items {
            kinds.extend(Some(kind_of(item)).filter(|kind| !kinds.contains(kind)));
        }
        let mut place = Place { document: self.documents + 1, ..self.place(document.line) };
        let saved = items.len();
        let message = match saved {
            0 => fault.message,
            1 => format!("{}; the item before it was read", fault.message),
            _ => format!("{}; the {saved} items before it were read", fault.message),
        };
        self.broken(Fault { message, ..fault }, &kinds);
        for (at, mut item) in items.into_iter().enumerate() {
            inherit(&mut item, &document.head);
            place.item = Some(at + 1);
            self.open(item, None, place, LIST_DEPTH_MAX - 1);
        }
    }

    /// Counts a document that cannot be read, and whose kinds, each an `apiVersion` and a `kind`, may be known.
    pub(crate) fn broken(&mut self, fault: Fault, kinds: &[(String, String)]) {
        self.documents += 1;
        let trouble = Trouble {
            file: self.batch.files[self.number].name.clone(),
            document: Some(self.documents),
            item: None,
            line: Some(fault.line),
            column: Some(fault.column).filter(|column| *column > 0),
            message: fault.message,
        };
        for (api_version, kind) in kinds.iter().filter(|(_, kind)| !kind.is_empty() && kind != "List") {
            let reason = format!("some of it is broken, {trouble}");
            let (api_version, kind) =
                (api_version.clone(), kind.strip_suffix("List").unwrap_or(kind).to_owned());
            self.batch.broken.push(Lost { api_version, kind, reason });
        }
        self.batch.troubles.push(trouble);
    }

    fn place(&self, line: usize) -> Place {
        Place { file: self.number, document: self.documents, line, item: None }
    }

    /// Opens Lists and arrays, and adds the objects.
    fn open(&mut self, mut head: Value, items: Option<Vec<Value>>, place: Place, depth: usize) {
        let is_list = head.kind().ends_with("List") && (items.is_some() || holds_list(&head));
        let is_array = head.as_list().is_some() || head.is_null() && items.is_some();
        if !is_list && !is_array || depth == 0 {
            if let Some(items) = items {
                // It is no List after all.
                let list: Value = items.into_iter().collect();
                head.set(&["items"], list);
            }
            if !head.is_null() {
                self.batch.objects.push(Given { object: head, place });
            }
            return;
        }
        let items = items.unwrap_or_else(|| {
            let list = if is_list { &head["items"] } else { &head };
            list.items().to_vec()
        });
        if is_list {
            let (api_version, kind) = kind_of(&head);
            let is_empty = items.is_empty();
            self.batch.lists.push(SeenList { file: self.number, api_version, kind, is_empty });
        }
        for (at, mut item) in items.into_iter().enumerate() {
            if is_list {
                inherit(&mut item, &head);
            }
            // The items of a List within a List keep the outer one's number.
            let item_place = Place { item: place.item.or(Some(at + 1)), ..place };
            self.open(item, None, item_place, depth - 1);
        }
    }
}

fn holds_list(head: &Value) -> bool {
    head["items"].as_list().is_some() || head["items"].is_null() && head.kind() == "List"
}

fn kind_of(value: &Value) -> (String, String) {
    (value.api_version().to_owned(), value.kind().to_owned())
}

/// Gives an item the kind that a typed List leaves out on its items.
fn inherit(item: &mut Value, head: &Value) {
    let kind = head.kind().strip_suffix("List").unwrap_or_default();
    if item.as_map().is_some() && item.kind().is_empty() && !kind.is_empty() {
        item.set(&["kind"], kind);
        item.set(&["apiVersion"], head["apiVersion"].clone());
    }
}

impl Place {
    /// Says what is wrong at this place.
    pub(crate) fn trouble(&self, files: &[FileName], message: String) -> Trouble {
        Trouble {
            file: files[self.file].name.clone(),
            document: Some(self.document),
            item: self.item,
            line: Some(self.line),
            column: None,
            message,
        }
    }

    /// Names the place.
    pub(crate) fn text(&self, files: &[FileName]) -> String {
        let item = self.item.map(|item| format!(", item {item}")).unwrap_or_default();
        format!("{}:{} (document {}{item})", files[self.file].name, self.line, self.document)
    }
}
