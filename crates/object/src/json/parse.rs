//! Reading JSON straight into the tree.

use super::JsonError;
use crate::Value;
use crate::convert::Node;
use serde::de::DeserializeSeed;

pub(super) fn parse(text: &[u8], depth_max: usize) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The depth is counted by the tree's own reader, so that the limit can be chosen.
    reader.disable_recursion_limit();
    let value = Node { depth_left: depth_max }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}
