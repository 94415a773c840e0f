//! The OpenAPI document in `docs/`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The document.
pub(crate) fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap()
}

/// Method, path and description of each operation, by its name.
pub(crate) fn operations(document: &Value) -> BTreeMap<&str, (String, &str, &Value)> {
    let items = document["paths"].as_object().unwrap();
    let all = items.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let name = operation["operationId"].as_str().unwrap();
            (name, (method.to_uppercase(), path.as_str(), operation))
        })
    });
    all.collect()
}

/// The schemas, by their names.
pub(crate) fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap()
}

/// Whether what may be missing is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    Full,
    Bare,
}

/// A value of a schema.
pub(crate) fn sample(document: &Value, schema: &Value, filled: Filled) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return sample(document, &schemas(document)[name.rsplit('/').next().unwrap()], filled);
    }
    let may_be_null = |schema: &Value| {
        schema["type"] == "null" || schema["type"].as_array().is_some_and(|types| types.iter().any(|t| t == "null"))
    };
    if let Some(parts) = schema["allOf"].as_array() {
        let objects = parts.iter().map(|part| sample(document, part, filled).as_object().unwrap().clone());
        return Value::Object(objects.flatten().collect());
    }
    if let Some(ways) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let null = ways.iter().any(may_be_null);
        return match filled {
            Filled::Bare if null => Value::Null,
            _ => sample(document, ways.iter().find(|way| !may_be_null(way)).unwrap(), filled),
        };
    }
    if filled == Filled::Bare && may_be_null(schema) {
        return Value::Null;
    }
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    match types[0].as_str() {
        Some("string") if schema["format"] == "date-time" => "2026-01-02T03:04:05Z".into(),
        Some("string") => "text".into(),
        Some("integer") => 7.into(),
        Some("number") => 1.5.into(),
        Some("boolean") => true.into(),
        Some("array") if filled == Filled::Bare => Value::Array(Vec::new()),
        Some("array") => Value::Array(vec![sample(document, &schema["items"], filled)]),
        Some("object") => object(document, schema, filled),
        Some(other) => panic!("no sample of {other}"),
        None => "anything".into(),
    }
}

fn object(document: &Value, schema: &Value, filled: Filled) -> Value {
    if schema["properties"].is_null() {
        return serde_json::json!({"any": sample(document, &schema["additionalProperties"], filled)});
    }
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let members = schema["properties"].as_object().unwrap().iter();
    let members = members.filter(|(name, _)| filled == Filled::Full || required(name));
    Value::Object(members.map(|(name, member)| (name.clone(), sample(document, member, filled))).collect())
}
