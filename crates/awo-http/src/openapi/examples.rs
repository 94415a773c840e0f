//! Examples of answers, put together from the examples of their parts, so that they have the fields of the answers.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;

/// Media type of streams.
const STREAM: &str = "text/event-stream";
/// Media type of figures in columns.
const CSV: &str = "text/csv";

/// Gives each body that is answered with success an example. `schemas` are the named ones of the description.
pub(super) fn give(operation: &mut Operation, schemas: &Value) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if !status.starts_with('2') {
            continue;
        }
        for (media_type, content) in &mut response.content {
            let RefOr::T(content) = content else { continue };
            if content.example.is_some() {
                continue;
            }
            let of_schema = || {
                let schema = serde_json::to_value(content.schema.as_ref()).unwrap_or_default();
                example(&schema, schemas)
            };
            content.example = Some(match media_type.as_str() {
                "application/json" => of_schema(),
                CSV => "step,agent,attempts\r\nimplement,claude,45\r\n".into(),
                STREAM => {
                    "id: 7\nevent: step_finished\ndata: {\"sequence\": 7, \"kind\": \"step_finished\"}\n\n".into()
                }
                _ => "text".into(),
            });
        }
    }
}

/// An example of what a schema describes: its own, or one made of those of its parts.
fn example(schema: &Value, schemas: &Value) -> Value {
    let own = schema.get("example").or_else(|| schema["examples"].get(0)).or_else(|| schema.get("default"));
    if let Some(own) = own.or_else(|| schema["enum"].get(0)) {
        return own.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return example(&schemas[name], schemas);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let merge = |mut all: Map<String, Value>, part: &Value| {
            if let Value::Object(part) = example(part, schemas) {
                all.extend(part);
            }
            all
        };
        return parts.iter().fold(Map::new(), merge).into();
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let something = choices.iter().find(|choice| choice["type"] != "null");
        return something.map_or(Value::Null, |choice| example(choice, schemas));
    }
    match kind(schema) {
        Some("object") => {
            let parts = schema["properties"].as_object().into_iter().flatten();
            parts.map(|(name, part)| (name.clone(), example(part, schemas))).collect::<Map<_, _>>().into()
        }
        Some("array") => json!([example(&schema["items"], schemas)]),
        Some("string") if schema["format"] == "date-time" => "2026-01-02T03:04:05Z".into(),
        Some("string") => "text".into(),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("number") => 0.5.into(),
        Some("boolean") => false.into(),
        _ => Value::Null,
    }
}

/// The type of a schema. What may be null is null in an example that nobody gave.
fn kind(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(kind) => Some(kind),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_put_together_from_its_parts() {
        let schemas = json!({
            "Part": {"type": "object", "properties": {
                "name": {"type": "string", "example": "plan"},
                "at": {"type": "string", "format": "date-time"},
                "perhaps": {"type": ["string", "null"]},
                "next": {"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 0}]},
            }},
        });
        let part = json!({"name": "plan", "at": "2026-01-02T03:04:05Z", "perhaps": null, "next": 0});
        let whole = json!({"allOf": [
            {"$ref": "#/components/schemas/Part"},
            {"type": "object", "properties": {"all": {"type": "array", "items": {"type": "boolean"}}}},
        ]});
        let mut expected = part.clone();
        expected["all"] = json!([false]);
        assert_eq!(example(&whole, &schemas), expected);
        assert_eq!(example(&json!({"enum": ["a", "b"]}), &schemas), "a");
        assert_eq!(example(&json!({}), &schemas), Value::Null);
    }
}
