//! What the values of parameters may be. A name means the same on every path, so it is told once.

use awo_engine::{Dimension, SELECTED_COMMANDS};
use serde_json::json;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

/// The one spelling of an order's id.
const ID: &str = "^wo-[0-9a-f]{32}$";
/// What can name a step.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";
/// Printable text without a space at either end, where HTTP would take it off.
const HEADER_TEXT: &str = "^[!-~]([ -~]*[!-~])?$";

/// Says of each parameter what its values may be.
pub(super) fn describe(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = schema(parameter)
        {
            parameter.schema = Some(RefOr::T(schema));
        }
    }
}

/// The schema of a parameter, or `None` where its type says all.
fn schema(parameter: &Parameter) -> Option<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = || ObjectBuilder::new().schema_type(Type::Integer);
    let one_of = |words: &[&str]| text().enum_values(Some(words.iter().map(|word| json!(word))));
    let word = |words: &[&str]| one_of(words).into();
    let words = |words: &[&str]| ArrayBuilder::new().items(one_of(words)).into();
    Some(match (parameter.name.as_str(), &parameter.parameter_in) {
        ("id", ParameterIn::Path) | ("cursor", ParameterIn::Query) => text().pattern(Some(ID)).into(),
        ("step", ParameterIn::Query) => text().pattern(Some(NAME)).into(),
        ("n", ParameterIn::Path) => number().minimum(Some(1)).into(),
        ("offset", ParameterIn::Query) => {
            number().format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))).minimum(Some(0)).into()
        }
        ("limit", ParameterIn::Query) => number().minimum(Some(1)).maximum(Some(1000)).into(),
        ("days", ParameterIn::Query) => number().minimum(Some(1)).maximum(Some(3650)).into(),
        ("recent", ParameterIn::Query) => number().minimum(Some(0)).maximum(Some(50)).into(),
        ("slowest", ParameterIn::Query) => number().minimum(Some(0)).maximum(Some(100)).into(),
        ("group_by", ParameterIn::Query) => words(&Dimension::ALL.map(Dimension::as_str)),
        ("workflow_type", ParameterIn::Query) => word(&["agent_workflow_plan", SELECTED_COMMANDS]),
        ("format", ParameterIn::Query) => word(&["json", "csv"]),
        ("wait", ParameterIn::Query) => {
            ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(60)).into()
        }
        ("status", ParameterIn::Query) => words(&["pending", "running", "completed", "failed", "cancelled"]),
        ("level", ParameterIn::Query) => words(&["debug", "info", "warning", "error"]),
        ("since" | "until", ParameterIn::Query) => {
            text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
        }
        ("Idempotency-Key", ParameterIn::Header) => {
            text().min_length(Some(1)).max_length(Some(255)).pattern(Some(HEADER_TEXT)).into()
        }
        // A header is there or not; it is never null.
        (_, ParameterIn::Header) => match parameter.schema.clone()? {
            RefOr::T(Schema::Object(mut object)) => {
                if let SchemaType::Array(types) = &mut object.schema_type {
                    types.retain(|kind| *kind != Type::Null);
                    if let [one] = &types[..] {
                        object.schema_type = SchemaType::Type(one.clone());
                    }
                }
                object.into()
            }
            _ => return None,
        },
        _ => return None,
    })
}
