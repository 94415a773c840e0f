//! Makes a request for an order of a JSON body: check against the one table, convert, let the engine check; every
//! problem at once.

mod check;
mod convert;
mod fields;
mod schema;

use awo_engine::{FieldError, NewOrder, WorkOrders};
use serde_json::{Map, Value, json};

use crate::problem::{InputError, Problem};
use check::{check_object, shortened};
use fields::FIELDS;

pub(crate) use convert::{word, words};
pub(crate) use fields::{Field, Kind};
pub(crate) use schema::{CreateOrder, body_schema};

/// The request that a body makes, or everything in it that cannot be used.
pub(crate) fn read_new_order(body: &Value, work_orders: &WorkOrders, lenient: bool) -> Result<NewOrder, Problem> {
    let expected = "must be an object with at least repository_url and user_request";
    let mut errors = check_body(body, FIELDS, expected, lenient);
    let Some(object) = body.as_object() else {
        return Err(Problem::invalid(errors));
    };
    let request = convert::new_order(object);
    // A field that the table refused was left out of the request; what the engine says of it would be noise.
    let refused = work_orders.check(&request);
    let refused: Vec<_> = refused.iter().filter(|e| !is_named(&errors, e)).map(|e| with_input(object, e)).collect();
    errors.extend(refused);
    if errors.is_empty() { Ok(request) } else { Err(Problem::invalid(errors)) }
}

/// Everything in a body that a table of fields does not allow.
pub(crate) fn check_body(body: &Value, fields: &'static [Field], expected: &str, lenient: bool) -> Vec<InputError> {
    match body.as_object() {
        Some(object) => check_object(object, fields, &[json!("body")], lenient),
        None => vec![InputError {
            loc: vec![json!("body")],
            msg: expected.to_owned(),
            kind: "object_type",
            input: shortened(body),
        }],
    }
}

fn is_named(errors: &[InputError], refused: &FieldError) -> bool {
    let path: Vec<&str> = refused.field.split('.').collect();
    errors.iter().any(|error| error.loc.iter().skip(1).zip(&path).all(|(part, name)| part == name))
}

fn with_input(object: &Map<String, Value>, refused: &FieldError) -> InputError {
    let mut names = refused.field.split('.');
    let first = names.next().and_then(|name| object.get(name));
    let sent = names.fold(first, |value, name| value.and_then(|value| value.get(name)));
    // The engine's message has the address, freed of what may be secret in it.
    let input = sent.filter(|_| refused.field != "repository_url").and_then(shortened);
    InputError::of_field(refused, input)
}
