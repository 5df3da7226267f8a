//! Serialising: any type into the tree, and the tree into any format.

use super::ConvertError;
use crate::{Key, List, Map, Value};
use serde::ser::{self, Impossible, Serialize, SerializeMap, Serializer};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::UInt(number) => serializer.serialize_u64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list.iter()),
            Self::Map(map) => {
                let mut entries = serializer.serialize_map(Some(map.len()))?;
                for (key, item) in map.iter() {
                    entries.serialize_entry(key.as_str(), item)?;
                }
                entries.end()
            }
        }
    }
}

type Done = Result<Value, ConvertError>;

/// Makes a value of whatever is serialised into it.
pub(super) struct Writer;

/// Collects the items of a list, under the name of a variant if there is one.
pub(super) struct ListWriter {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

/// Collects the entries of a map, under the name of a variant if there is one.
pub(super) struct MapWriter {
    variant: Option<&'static str>,
    pairs: Vec<(Key, Value)>,
    key: Option<Key>,
}

fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Map(Map::from_pairs(vec![(Key::new(variant), value)])),
        None => value,
    }
}

/// Room for what a type says it will write, which is not to be trusted with much memory.
fn room<T>(length: Option<usize>) -> Vec<T> {
    Vec::with_capacity(length.unwrap_or(0).min(1024))
}

impl ListWriter {
    fn new(variant: Option<&'static str>, length: Option<usize>) -> Self {
        Self { variant, items: room(length) }
    }

    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConvertError> {
        let item =
            item.serialize(Writer).map_err(|error| error.within(&format!("[{}]", self.items.len())))?;
        self.items.push(item);
        Ok(())
    }

    fn finish(self) -> Done {
        Ok(tagged(self.variant, Value::List(List(self.items.into()))))
    }
}

impl MapWriter {
    fn new(variant: Option<&'static str>, length: Option<usize>) -> Self {
        Self { variant, pairs: room(length), key: None }
    }

    fn push<T: Serialize + ?Sized>(&mut self, key: Key, item: &T) -> Result<(), ConvertError> {
        let item = item.serialize(Writer).map_err(|error| error.within(key.as_str()))?;
        self.pairs.push((key, item));
        Ok(())
    }

    fn finish(self) -> Done {
        Ok(tagged(self.variant, Value::Map(Map::from_pairs(self.pairs))))
    }
}

macro_rules! small_integers {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, number: $kind) -> Done {
            Ok(Value::Int(number.into()))
        })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = ConvertError;
    type SerializeSeq = ListWriter;
    type SerializeTuple = ListWriter;
    type SerializeTupleStruct = ListWriter;
    type SerializeTupleVariant = ListWriter;
    type SerializeMap = MapWriter;
    type SerializeStruct = MapWriter;
    type SerializeStructVariant = MapWriter;

    fn serialize_bool(self, flag: bool) -> Done {
        Ok(Value::Bool(flag))
    }

    small_integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_u8: u8, serialize_u16: u16,
        serialize_u32: u32
    );

    fn serialize_i64(self, number: i64) -> Done {
        Ok(Value::Int(number))
    }

    fn serialize_i128(self, number: i128) -> Done {
        let small =
            i64::try_from(number).map(Value::from).or_else(|_| u64::try_from(number).map(Value::from));
        small.map_err(|_| ConvertError::new(format!("number {number} does not fit 64 bits")))
    }

    fn serialize_u64(self, number: u64) -> Done {
        Ok(Value::from(number))
    }

    fn serialize_u128(self, number: u128) -> Done {
        let small = u64::try_from(number).map(Value::from);
        small.map_err(|_| ConvertError::new(format!("number {number} does not fit 64 bits")))
    }

    fn serialize_f32(self, number: f32) -> Done {
        Ok(Value::Float(number.into()))
    }

    fn serialize_f64(self, number: f64) -> Done {
        Ok(Value::Float(number))
    }

    fn serialize_char(self, letter: char) -> Done {
        Ok(Value::from(letter.encode_utf8(&mut [0; 4]) as &str))
    }

    fn serialize_str(self, text: &str) -> Done {
        Ok(Value::from(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        Ok(bytes.iter().map(|byte| Value::Int((*byte).into())).collect())
    }

    fn serialize_none(self) -> Done {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, item: &T) -> Done {
        item.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Done {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, item: &T) -> Done {
        item.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        item: &T,
    ) -> Done {
        let item = item.serialize(self).map_err(|error| error.within(variant))?;
        Ok(tagged(Some(variant), item))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ListWriter, ConvertError> {
        Ok(ListWriter::new(None, length))
    }

    fn serialize_tuple(self, length: usize) -> Result<ListWriter, ConvertError> {
        Ok(ListWriter::new(None, Some(length)))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<ListWriter, ConvertError> {
        Ok(ListWriter::new(None, Some(length)))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<ListWriter, ConvertError> {
        Ok(ListWriter::new(Some(variant), Some(length)))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<MapWriter, ConvertError> {
        Ok(MapWriter::new(None, length))
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<MapWriter, ConvertError> {
        Ok(MapWriter::new(None, Some(length)))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<MapWriter, ConvertError> {
        Ok(MapWriter::new(Some(variant), Some(length)))
    }
}

/// All lists are written alike, whatever serde calls them.
macro_rules! lists {
    ($($kind:ident: $method:ident),*) => {
        $(impl ser::$kind for ListWriter {
            type Ok = Value;
            type Error = ConvertError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConvertError> {
                self.push(item)
            }

            fn end(self) -> Done {
                self.finish()
            }
        })*
    };
}

lists!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

impl SerializeMap for MapWriter {
    type Ok = Value;
    type Error = ConvertError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConvertError> {
        self.key = Some(key.serialize(KeyWriter)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConvertError> {
        let key = self.key.take().ok_or_else(|| ConvertError::new("a map's value came before its key"))?;
        self.push(key, item)
    }

    fn end(self) -> Done {
        self.finish()
    }
}

/// So are structs and their variants.
macro_rules! structs {
    ($($kind:ident),*) => {
        $(impl ser::$kind for MapWriter {
            type Ok = Value;
            type Error = ConvertError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                item: &T,
            ) -> Result<(), ConvertError> {
                self.push(Key::new(name), item)
            }

            fn end(self) -> Done {
                self.finish()
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

/// Makes a map's key of a string, a number or a boolean.
struct KeyWriter;

fn no_key<T>() -> Result<T, ConvertError> {
    Err(ConvertError::new("a map's key must be a string, a number or a boolean"))
}

macro_rules! keys_by_display {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, key: $kind) -> Result<Key, ConvertError> {
            Ok(Key::new(&key.to_string()))
        })*
    };
}

impl Serializer for KeyWriter {
    type Ok = Key;
    type Error = ConvertError;
    type SerializeSeq = Impossible<Key, ConvertError>;
    type SerializeTuple = Impossible<Key, ConvertError>;
    type SerializeTupleStruct = Impossible<Key, ConvertError>;
    type SerializeTupleVariant = Impossible<Key, ConvertError>;
    type SerializeMap = Impossible<Key, ConvertError>;
    type SerializeStruct = Impossible<Key, ConvertError>;
    type SerializeStructVariant = Impossible<Key, ConvertError>;

    keys_by_display!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char
    );

    fn serialize_str(self, key: &str) -> Result<Key, ConvertError> {
        Ok(Key::new(key))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Key, ConvertError> {
        Ok(Key::new(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &T,
    ) -> Result<Key, ConvertError> {
        key.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<Key, ConvertError> {
        key.serialize(self)
    }

    fn serialize_f32(self, _: f32) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_f64(self, _: f64) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_none(self) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_unit(self) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Key, ConvertError> {
        no_key()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ConvertError> {
        no_key()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ConvertError> {
        no_key()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ConvertError> {
        no_key()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ConvertError> {
        no_key()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ConvertError> {
        no_key()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, ConvertError> {
        no_key()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ConvertError> {
        no_key()
    }
}
