//! The table of fields as a schema, so that the documentation cannot say anything else.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::fields::{FIELDS, Field, Kind};

/// The body of `POST /`, for the documentation only.
#[derive(Debug)]
pub(crate) struct CreateOrder;

impl ToSchema for CreateOrder {}

impl PartialSchema for CreateOrder {
    fn schema() -> RefOr<Schema> {
        let doc = "A request for an agent work order. `null` in an optional field is as good as leaving it out.";
        body_schema(FIELDS, doc)
    }
}

/// The schema of a body with the fields of a table.
pub(crate) fn body_schema(fields: &[Field], doc: &str) -> RefOr<Schema> {
    RefOr::T(Schema::Object(object(fields).description(Some(doc)).build()))
}

fn object(fields: &[Field]) -> ObjectBuilder {
    let mut builder = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for field in fields {
        builder = builder.property(field.name, schema(field));
        if field.required {
            builder = builder.required(field.name);
        }
    }
    builder
}

fn schema(field: &Field) -> RefOr<Schema> {
    let types = |mut types: Vec<Type>| {
        if !field.required {
            types.push(Type::Null);
        }
        match types[..] {
            [_] => SchemaType::Type(types.remove(0)),
            _ => SchemaType::Array(types),
        }
    };
    let of = |all| ObjectBuilder::new().schema_type(types(all)).description(Some(field.doc));
    RefOr::T(match &field.kind {
        // What is asked for is more than spaces.
        Kind::Text => Schema::Object(of(vec![Type::String]).pattern(field.required.then_some("\\S")).build()),
        Kind::TextOrNumber => Schema::Object(of(vec![Type::String, Type::Integer]).build()),
        Kind::Word { available, later, default } => {
            let doc = if later.is_empty() {
                field.doc.to_owned()
            } else {
                format!("{} Not available yet: {}.", field.doc, later.join(", "))
            };
            let values = available.iter().map(|word| json!(word)).chain([json!(null)]);
            let built = of(vec![Type::String]).description(Some(doc)).enum_values(Some(values));
            Schema::Object(built.default(default.map(|word| json!(word))).build())
        }
        Kind::Words(available) => {
            let item = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(available.iter().copied()));
            let list = ArrayBuilder::new().schema_type(types(vec![Type::Array])).items(item);
            Schema::Array(list.description(Some(field.doc)).build())
        }
        Kind::Texts => {
            let item = ObjectBuilder::new().schema_type(Type::String);
            let list = ArrayBuilder::new().schema_type(types(vec![Type::Array])).items(item);
            Schema::Array(list.description(Some(field.doc)).build())
        }
        Kind::Within(range) => {
            let built = of(vec![Type::Integer]).minimum(Some(*range.start())).maximum(Some(*range.end()));
            Schema::Object(built.build())
        }
        Kind::Whole => Schema::Object(of(vec![Type::Integer]).minimum(Some(1)).build()),
        Kind::Positive => Schema::Object(of(vec![Type::Number]).exclusive_minimum(Some(0)).build()),
        Kind::Switch(default) => Schema::Object(of(vec![Type::Boolean]).default(Some(json!(default))).build()),
        Kind::Object(fields) => {
            Schema::Object(object(fields).schema_type(types(vec![Type::Object])).description(Some(field.doc)).build())
        }
    })
}
