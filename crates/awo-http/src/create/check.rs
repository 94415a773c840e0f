//! Holds a JSON object against the table of fields.

use serde_json::{Map, Value, json};

use super::fields::{Field, Kind, positive, whole, within};
use crate::nearest::nearest;
use crate::problem::InputError;

/// Characters of what was sent that are sent back.
const INPUT_SHOWN: usize = 200;

/// Everything in an object that the table does not allow.
pub(super) fn check_object(
    object: &Map<String, Value>,
    fields: &'static [Field],
    place: &[Value],
    lenient: bool,
) -> Vec<InputError> {
    let mut errors = Vec::new();
    if !lenient {
        for (name, value) in object {
            if !fields.iter().any(|field| field.name == name) {
                let near = nearest(name, fields.iter().map(|field| field.name));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let name: Value = name.chars().take(INPUT_SHOWN).collect::<String>().into();
                errors.push(error(place, name, "extra_forbidden", format!("is not a known field{hint}"), Some(value)));
            }
        }
    }
    for field in fields {
        match object.get(field.name) {
            None if field.required => {
                errors.push(error(place, field.name.into(), "missing", "is missing".into(), None));
            }
            Some(Value::Null) if field.required => {
                errors.push(error(place, field.name.into(), "missing", "is null, and it is required".into(), None));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(value, field, place, lenient, &mut errors),
        }
    }
    errors
}

fn check_value(value: &Value, field: &'static Field, place: &[Value], lenient: bool, errors: &mut Vec<InputError>) {
    let mut refuse = |kind, msg: String| errors.push(error(place, field.name.into(), kind, msg, Some(value)));
    match &field.kind {
        Kind::Text if !value.is_string() => refuse("string_type", "must be text".into()),
        Kind::TextOrNumber if !value.is_string() && !value.is_u64() => {
            refuse("string_type", "must be text or a whole number".into());
        }
        Kind::Whole if whole(value).is_none() => {
            refuse("int_type", format!("must be a whole number up to {}", u32::MAX));
        }
        Kind::Within(range) if within(value, range).is_none() => {
            refuse("int_type", format!("must be a whole number, {} to {}", range.start(), range.end()));
        }
        Kind::Texts if !value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string)) => {
            refuse("list_type", "must be a list of texts".into());
        }
        Kind::Positive if positive(value).is_none() => {
            refuse("float_type", "must be a number above 0 and at most 1000000000".into());
        }
        Kind::Switch(_) if !value.is_boolean() => refuse("bool_type", "must be true or false".into()),
        Kind::Word { available, later, .. } => {
            if let Some((kind, msg)) = word_trouble(value, available, later) {
                refuse(kind, msg);
            }
        }
        Kind::Words(available) => {
            let Some(words) = value.as_array() else {
                return refuse("list_type", format!("must be a list of {}", available.join(", ")));
            };
            let place: Vec<Value> = place.iter().cloned().chain([field.name.into()]).collect();
            for (index, word) in words.iter().enumerate() {
                if let Some((kind, msg)) = word_trouble(word, available, &[]) {
                    errors.push(error(&place, json!(index), kind, msg, Some(word)));
                }
            }
        }
        Kind::Object(fields) => {
            let Some(object) = value.as_object() else {
                return refuse("object_type", "must be an object".into());
            };
            let place: Vec<Value> = place.iter().cloned().chain([field.name.into()]).collect();
            errors.extend(check_object(object, fields, &place, lenient));
        }
        Kind::Text
        | Kind::TextOrNumber
        | Kind::Texts
        | Kind::Whole
        | Kind::Within(_)
        | Kind::Positive
        | Kind::Switch(_) => {}
    }
}

/// What is wrong with a word, if anything.
fn word_trouble(value: &Value, available: &[&str], later: &[&str]) -> Option<(&'static str, String)> {
    let choices = || available.join(", ");
    let Some(word) = value.as_str() else {
        return Some(("string_type", format!("must be text: one of {}", choices())));
    };
    if available.contains(&word) {
        return None;
    }
    if later.contains(&word) {
        return Some(("not_available", format!("{word} is not available yet; available: {}", choices())));
    }
    let near = nearest(word, available.iter().copied());
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Some(("enum", format!("must be one of {}{hint}", choices())))
}

fn error(place: &[Value], name: Value, kind: &'static str, msg: String, input: Option<&Value>) -> InputError {
    let loc = place.iter().cloned().chain([name]).collect();
    InputError { loc, msg, kind, input: input.and_then(shortened) }
}

/// What was sent, short enough to be sent back. Nothing of what may be an address with a password or token in it.
pub(super) fn shortened(value: &Value) -> Option<Value> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.contains(':') && text.contains(['@', '?', '#']) {
        return None;
    }
    if text.chars().nth(INPUT_SHOWN).is_none() {
        return Some(value.clone());
    }
    Some(text.chars().take(INPUT_SHOWN).chain(['…']).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_with_a_password_is_sent_back() {
        assert_eq!(shortened(&json!("https://user:secret@forge.example/r")), None);
        assert_eq!(shortened(&json!(["https://secret@forge.example/r"])), None);
        assert_eq!(shortened(&json!("https://forge.example/r?token=secret")), None);
        assert_eq!(shortened(&json!("plain")), Some(json!("plain")));
        assert_eq!(shortened(&json!("ä".repeat(300))), Some(json!(format!("{}…", "ä".repeat(200)))));
    }
}
