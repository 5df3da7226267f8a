//! The types of objects: fields, lists, maps, and how each is merged and defaulted.

use object::{Key, Text, Value};

/// A type within the graph of one release.
#[derive(Clone, Copy)]
pub struct TypeRef<'a> {
    graph: &'a TypeGraph,
    shape: &'a Shape,
}

/// What a type is made of.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// A single value.
    Scalar(Scalar),
    /// An object with known fields.
    Object,
    /// A list of items of one type.
    List(TypeRef<'a>),
    /// A map from text to values of one type.
    Map(TypeRef<'a>),
}

/// A value that is not taken apart further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Double,
    /// True or false.
    Boolean,
    /// Bytes, as base64 text.
    Byte,
    /// An amount such as `500m` or `1Gi`, as text or number.
    Quantity,
    /// A whole number, or text such as `25%`.
    IntOrString,
    /// A moment to the second, as RFC 3339 text.
    Time,
    /// A moment to the microsecond, as RFC 3339 text.
    MicroTime,
    /// An object whose fields are not known here and are kept as they are, such as an embedded one.
    Raw,
    /// Any JSON value.
    Any,
}

/// How a list is merged when several managers own parts of it (`x-kubernetes-list-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// It is replaced whole. What upstream does not declare is so too.
    #[default]
    Atomic,
    /// Its items are scalars, each at most once.
    Set,
    /// Its items are objects, told apart by the fields of [`TypeRef::map_keys`].
    Map,
}

/// How strategic merge patch treats a field (`x-kubernetes-patch-strategy`).
///
/// Without any, objects are merged and lists are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// A list is merged: by [`Field::merge_key`] if its items are objects, as a set otherwise.
    pub merge: bool,
    /// Fields of the object, or of the list's items, that the patch's `$retainKeys` does not name are dropped.
    pub retain_keys: bool,
    /// An object is replaced whole.
    pub replace: bool,
}

/// A field of an object type.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    graph: &'a TypeGraph,
    data: &'a FieldData,
}

impl<'a> TypeRef<'a> {
    /// Tells what the type is made of.
    pub fn form(self) -> Form<'a> {
        match self.shape {
            Shape::Scalar(scalar) => Form::Scalar(*scalar),
            Shape::Object { .. } => Form::Object,
            Shape::List { items, .. } => Form::List(self.to(items)),
            Shape::Map { values, .. } => Form::Map(self.to(values)),
        }
    }

    fn to(self, shape: &'a Shape) -> Self {
        Self { graph: self.graph, shape }
    }

    fn object(self) -> Option<&'a ObjectData> {
        match self.shape {
            Shape::Object { index, .. } => Some(&self.graph.objects[*index]),
            _ => None,
        }
    }

    /// Gives an object type's name without what precedes its group, such as `core.v1.PodSpec` or `meta.v1.ObjectMeta`.
    pub fn name(self) -> Option<&'a str> {
        self.object().map(|object| &*object.name)
    }

    /// Gives the scalar, if it is one.
    pub fn scalar(self) -> Option<Scalar> {
        match self.shape {
            Shape::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    /// Finds a field of an object type.
    pub fn field(self, name: &str) -> Option<Field<'a>> {
        let fields = &self.object()?.fields;
        let found = fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        Some(Field { graph: self.graph, data: &fields[found] })
    }

    /// Lists the fields of an object type by name; of other types, nothing.
    pub fn fields(self) -> impl ExactSizeIterator<Item = Field<'a>> {
        let fields = self.object().map_or(&[][..], |object| &object.fields);
        fields.iter().map(move |data| Field { graph: self.graph, data })
    }

    /// Gives the type of a list's items.
    pub fn items(self) -> Option<Self> {
        match self.form() {
            Form::List(items) => Some(items),
            _ => None,
        }
    }

    /// Gives the type of a map's values.
    pub fn values(self) -> Option<Self> {
        match self.form() {
            Form::Map(values) => Some(values),
            _ => None,
        }
    }

    /// Follows a path: a part names a field of an object, any part leads into a list's items or a map's values.
    pub fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |at, part| match at.form() {
            Form::List(inner) | Form::Map(inner) => Some(inner),
            Form::Object => at.field(part).map(Field::ty),
            Form::Scalar(_) => None,
        })
    }

    /// Tells whether an object or a map is replaced whole when several managers own it
    /// (`x-kubernetes-map-type: atomic`).
    pub fn is_atomic(self) -> bool {
        match self.shape {
            Shape::Object { index, atomic } => *atomic || self.graph.objects[*index].atomic,
            Shape::Map { atomic, .. } => *atomic,
            Shape::Scalar(_) | Shape::List { .. } => false,
        }
    }

    /// Tells how a list is merged; other types are answered as an atomic one.
    pub fn list_type(self) -> ListType {
        match self.shape {
            Shape::List { list_type, .. } => *list_type,
            _ => ListType::Atomic,
        }
    }

    /// Lists the fields that tell apart the items of a list of type [`ListType::Map`].
    pub fn map_keys(self) -> &'a [Text] {
        match self.shape {
            Shape::List { keys, .. } => keys,
            _ => &[],
        }
    }

    /// Tells whether fields that are not known are kept rather than dropped.
    pub fn preserves_unknown_fields(self) -> bool {
        matches!(self.scalar(), Some(Scalar::Raw | Scalar::Any))
    }
}

impl<'a> Field<'a> {
    /// Gives the field's name.
    pub fn name(self) -> &'a str {
        self.data.name.as_str()
    }

    /// Gives the field's name as objects hold it.
    pub fn key(self) -> &'a Key {
        &self.data.name
    }

    /// Gives the field's type.
    pub fn ty(self) -> TypeRef<'a> {
        TypeRef { graph: self.graph, shape: &self.data.shape }
    }

    /// Tells whether upstream's OpenAPI requires it. Validation requires more, and less where there are defaults.
    pub fn is_required(self) -> bool {
        self.data.required
    }

    /// Gives the default of upstream's OpenAPI; most defaults are rules instead and are not here.
    ///
    /// Fields that Go's encoder never omits have the zero value of their type, `""`, `0` or `false`; that objects
    /// default to `{}` is not held.
    pub fn default(self) -> Option<&'a Value> {
        self.data.default.as_ref()
    }

    /// Lists the values that upstream declares for the field, or for the items of a list; empty if any are allowed.
    pub fn enum_values(self) -> &'a [Text] {
        &self.data.enum_values
    }

    /// Tells how strategic merge patch treats the field.
    pub fn patch_strategy(self) -> PatchStrategy {
        self.data.patch
    }

    /// Gives the field by which strategic merge patch tells apart a list's items.
    pub fn merge_key(self) -> Option<&'a str> {
        self.data.merge_key.as_deref()
    }

    /// Tells how server-side apply merges the field, if it is a list.
    pub fn list_type(self) -> ListType {
        self.ty().list_type()
    }

    /// Lists the fields by which server-side apply tells apart the items of the list.
    pub fn map_keys(self) -> &'a [Text] {
        self.ty().map_keys()
    }
}

impl std::fmt::Debug for TypeRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.form() {
            Form::Scalar(scalar) => write!(f, "{scalar:?}"),
            Form::Object => f.write_str(self.name().unwrap_or_default()),
            Form::List(items) => write!(f, "[{items:?}]"),
            Form::Map(values) => write!(f, "{{{values:?}}}"),
        }
    }
}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.name(), self.ty())
    }
}

/// Object types that refer to each other by index, and which kinds they are.
#[derive(Debug, Default)]
pub(crate) struct TypeGraph {
    /// By name.
    pub(crate) objects: Vec<ObjectData>,
    /// Group, version and kind with the index of the object type, in order.
    pub(crate) kinds: Vec<([Text; 3], usize)>,
    /// Kinds of every group-version, such as `DeleteOptions`.
    pub(crate) common_kinds: Vec<(Text, Shape)>,
    /// What `kinds` points at: one shape per object type.
    pub(crate) shapes: Vec<Shape>,
}

#[derive(Debug)]
pub(crate) struct ObjectData {
    pub(crate) name: Text,
    pub(crate) atomic: bool,
    /// By name.
    pub(crate) fields: Vec<FieldData>,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Scalar(Scalar),
    Object { index: usize, atomic: bool },
    List { items: Box<Shape>, list_type: ListType, keys: Vec<Text> },
    Map { values: Box<Shape>, atomic: bool },
}

#[derive(Debug)]
pub(crate) struct FieldData {
    pub(crate) name: Key,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) patch: PatchStrategy,
    pub(crate) merge_key: Option<Text>,
    pub(crate) default: Option<Value>,
    pub(crate) enum_values: Vec<Text>,
}

impl TypeGraph {
    /// Finds the type of a kind.
    pub(crate) fn kind(&self, wanted: [&str; 3]) -> Option<TypeRef<'_>> {
        let compare = |(names, _): &([Text; 3], usize)| names.each_ref().map(|name| &**name).cmp(&wanted);
        let found = self.kinds.binary_search_by(compare).ok();
        let shape = match found {
            Some(found) => &self.shapes[self.kinds[found].1],
            None => &self.common_kinds.iter().find(|(kind, _)| **kind == *wanted[2])?.1,
        };
        Some(TypeRef { graph: self, shape })
    }

    /// Finds an object type by its name.
    pub(crate) fn named(&self, name: &str) -> Option<TypeRef<'_>> {
        let found = self.objects.binary_search_by(|object| (*object.name).cmp(name)).ok()?;
        Some(TypeRef { graph: self, shape: &self.shapes[found] })
    }
}
