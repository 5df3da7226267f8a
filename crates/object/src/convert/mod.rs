//! Typed structs from trees and trees from typed structs, in one pass and without text between.

mod de;
mod ser;
mod visit;

use crate::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

pub(crate) use visit::Node;

/// Says why a tree and a type do not fit, and where in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError {
    path: String,
    message: String,
}

impl ConvertError {
    fn new(message: impl fmt::Display) -> Self {
        Self { path: String::new(), message: message.to_string() }
    }

    /// Adds the step of the path that leads to where the fault is.
    fn within(mut self, step: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{joint}{}", self.path);
        self
    }

    /// Gives the path to the fault, such as `spec.containers[0].name`, `""` at the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives what is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for ConvertError {}

impl serde::ser::Error for ConvertError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl serde::de::Error for ConvertError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

/// Turns any serialisable type into a tree.
///
/// # Errors
/// When a map's key is neither string, number nor boolean, a number does not fit 64 bits, or the type itself refuses.
pub fn to_value<T: Serialize + ?Sized>(item: &T) -> Result<Value, ConvertError> {
    item.serialize(ser::Writer)
}

/// Turns a tree into any type that can be deserialised; strings may be borrowed from the tree.
///
/// # Errors
/// When the tree does not have the shape of the type; the error names the path.
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, ConvertError> {
    T::deserialize(value)
}
