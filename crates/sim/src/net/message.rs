//! What travels between processes.

use std::any::{Any, type_name};
use std::fmt;
use std::rc::Rc;

/// A received message: a value of any type, moved from one process to another.
///
/// Nothing is encoded, so a sender should give its value away whole: an `Rc` to something it goes on changing would let
/// the receiver see more than a network can carry.
pub struct Message {
    body: Box<dyn Any>,
    type_name: &'static str,
    label: Option<Rc<str>>,
}

impl Message {
    pub(crate) fn new<M: Any>(body: M, label: Option<Rc<str>>) -> Self {
        Message { body: Box::new(body), type_name: type_name::<M>(), label }
    }

    /// Whether the message is of a type.
    pub fn is<M: Any>(&self) -> bool {
        self.body.is::<M>()
    }

    /// A look at the message, if it is of a type.
    pub fn get<M: Any>(&self) -> Option<&M> {
        self.body.downcast_ref()
    }

    /// Takes the message's value.
    ///
    /// # Errors
    /// The message itself, if it is of another type.
    pub fn downcast<M: Any>(self) -> Result<M, Message> {
        let Message { body, type_name, label } = self;
        body.downcast().map(|body| *body).map_err(|body| Message { body, type_name, label })
    }

    /// Takes the message's value where the protocol leaves no doubt about its type.
    ///
    /// # Panics
    /// If it is of another type, naming both.
    pub fn take<M: Any>(self) -> M {
        let found = self.type_name;
        self.downcast().unwrap_or_else(|_| panic!("a message of type {found}, {} expected", type_name::<M>()))
    }

    pub(crate) fn label_handle(&self) -> Option<Rc<str>> {
        self.label.clone()
    }

    /// The label it was sent with; empty unless the trace is kept.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Message({} {})", self.type_name, self.label())
    }
}
