//! JSON files: one document, an array, or several documents one after the other.

use crate::gather::{Document, Fault, File};
use object::{Key, Map, Value};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Tells whether a text looks like JSON rather than like YAML in flow style or a template.
pub(super) fn is_likely(text: &[u8]) -> bool {
    let mut letters = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    match (letters.next(), letters.next()) {
        (Some(b'{'), second) => matches!(second, Some(b'"' | b'}') | None),
        (Some(b'['), second) => matches!(second, Some(b'{' | b'[' | b']' | b'"') | None),
        _ => false,
    }
}

/// Tells whether a text begins with a whole JSON document.
pub(super) fn begins_well(text: &[u8]) -> bool {
    let mut reader = reader(text);
    IgnoredAny::deserialize(&mut reader).is_ok()
}

/// Reads all documents. Of a broken List, the items before the fault; after a broken document, reading goes on at the
/// next line that begins one.
pub(super) fn read(text: &[u8], file: &mut File<'_>) {
    let mut place = Place { text, at: 0, lines_before: 0 };
    while place.skip_blank() {
        let mut found = Found::default();
        let mut reader = reader(&text[place.at..]);
        match found.read(text[place.at], &mut reader) {
            Ok(()) => {
                let length = reader.into_iter::<IgnoredAny>().byte_offset();
                file.add(found.document(place.lines_before + 1));
                place.advance(length);
            }
            Err(error) => {
                let fault = place.fault(&error);
                let (document, line) = (found.document(place.lines_before + 1), error.line());
                file.add_broken(document, fault);
                if !place.resume(line) {
                    return;
                }
            }
        }
    }
}

fn reader(text: &[u8]) -> serde_json::Deserializer<serde_json::de::SliceRead<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // Each tree counts its own depth; this reader's limit would stop at 128 as well, but with another message.
    reader.disable_recursion_limit();
    reader
}

/// A place between two documents of a text.
struct Place<'a> {
    text: &'a [u8],
    at: usize,
    lines_before: usize,
}

impl Place<'_> {
    /// Goes to where the next document begins; false at the end.
    fn skip_blank(&mut self) -> bool {
        // 0x1e stands before each record of a JSON text sequence (RFC 7464).
        let blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == 0x1e;
        let length = self.text[self.at..].iter().take_while(blank).count();
        self.advance(length);
        self.at < self.text.len()
    }

    fn advance(&mut self, length: usize) {
        let passed = &self.text[self.at..self.at + length];
        self.lines_before += memchr::memchr_iter(b'\n', passed).count();
        self.at += length;
    }

    fn fault(&self, error: &serde_json::Error) -> Fault {
        let column_before = if error.line() == 1 {
            self.text[..self.at].iter().rev().take_while(|byte| **byte != b'\n').count()
        } else {
            0
        };
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        Fault { line: self.lines_before + error.line(), column: column_before + error.column(), message }
    }

    /// Goes to the next line, from the one with the fault on, that begins a document; false if there is none.
    fn resume(&mut self, fault_line: usize) -> bool {
        let mut begins_document = false;
        let mut rest = self.text[self.at..].split_inclusive(|byte| *byte == b'\n');
        let mut length = 0;
        for (number, line) in rest.by_ref().enumerate() {
            let is_after = number > 0 && number + 1 >= fault_line;
            if is_after && matches!(line.first(), Some(b'{' | b'[')) {
                begins_document = true;
                break;
            }
            length += line.len();
        }
        self.advance(length);
        begins_document
    }
}

/// What was read of a document, also where it breaks off.
#[derive(Default)]
struct Found {
    pairs: Vec<(Key, Value)>,
    items: Option<Vec<Value>>,
    other: Value,
    is_map: bool,
}

impl Found {
    fn read<'de, D: Deserializer<'de>>(&mut self, first: u8, reader: D) -> Result<(), D::Error> {
        match first {
            b'{' => {
                self.is_map = true;
                reader.deserialize_map(Whole(self))
            }
            b'[' => Items(self.items.insert(Vec::new())).deserialize(reader),
            _ => {
                self.other = Value::deserialize(reader)?;
                Ok(())
            }
        }
    }

    fn document(self, line: usize) -> Document {
        let head = if self.is_map { Value::Map(Map::from_pairs(self.pairs)) } else { self.other };
        Document { head, items: self.items, line }
    }
}

/// Reads a map into what was found, its items one by one.
struct Whole<'a>(&'a mut Found);

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                let mut items = Vec::new();
                // What was read before a fault is kept, so the items live outside.
                let read = map.next_value_seed(ListOrNot(&mut items));
                match read {
                    Ok(None) => self.0.items = Some(items),
                    Ok(Some(value)) => self.0.pairs.push((Key::new(&key), value)),
                    Err(error) => {
                        self.0.items = Some(items);
                        return Err(error);
                    }
                }
            } else {
                self.0.pairs.push((Key::new(&key), map.next_value()?));
            }
        }
        Ok(())
    }
}

/// Reads the elements of a list.
struct Items<'a>(&'a mut Vec<Value>);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }
}

/// Reads the elements of a list; what is no list is given back. Null is a list of nothing, as Go writes it.
struct ListOrNot<'a>(&'a mut Vec<Value>);

impl<'de> DeserializeSeed<'de> for ListOrNot<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListOrNot<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Items(self.0).visit_seq(list).map(|()| None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(flag.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.into()))
    }
}
