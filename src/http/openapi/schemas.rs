//! Schemas of the documents that are written and read.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Collects the schemas that others refer to.
#[derive(Debug)]
pub(super) struct Schemas {
    written: SchemaGenerator,
    read: SchemaGenerator,
}

/// How something in a body is described.
#[derive(Clone)]
pub(super) enum Content {
    /// By its type.
    Of(fn(&mut Schemas) -> Value),
    /// As it is here.
    As(Value),
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            written: settings.clone().for_serialize().into_generator(),
            read: settings.for_deserialize().into_generator(),
        }
    }
}

impl Schemas {
    /// What is sent.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// What is sent, as it describes itself.
    pub(super) fn described(&mut self, describe: fn(&mut SchemaGenerator) -> Schema) -> Value {
        describe(&mut self.written).to_value()
    }

    /// What is taken.
    pub(super) fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    pub(super) fn of(&mut self, content: &Content) -> Value {
        match content {
            Content::Of(describe) => describe(self),
            Content::As(schema) => schema.clone(),
        }
    }

    /// All that was referred to.
    pub(super) fn into_map(mut self) -> Map<String, Value> {
        let mut all = self.written.take_definitions(true);
        all.extend(self.read.take_definitions(true));
        all
    }
}

/// A document that is sent.
pub(super) fn document<T: JsonSchema>() -> Content {
    Content::Of(Schemas::written::<T>)
}

/// A text of any kind.
pub(super) fn text() -> Content {
    Content::As(json!({ "type": "string" }))
}

/// Bytes.
pub(super) fn bytes() -> Content {
    Content::As(json!({}))
}
