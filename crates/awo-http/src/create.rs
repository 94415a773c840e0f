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

pub(crate) use schema::CreateOrder;

/// The request that a body makes, or everything in it that cannot be used.
pub(crate) fn read_new_order(body: &Value, work_orders: &WorkOrders, lenient: bool) -> Result<NewOrder, Problem> {
    let Some(object) = body.as_object() else {
        return Err(Problem::invalid(vec![InputError {
            loc: vec![json!("body")],
            msg: "must be an object with at least repository_url and user_request".into(),
            kind: "object_type",
            input: shortened(body),
        }]));
    };
    let mut errors = check_object(object, FIELDS, &[json!("body")], lenient);
    let request = convert::new_order(object);
    // A field that the table refused was left out of the request; what the engine says of it would be noise.
    let refused = work_orders.check(&request);
    let refused: Vec<_> = refused.iter().filter(|e| !is_named(&errors, e)).map(|e| with_input(object, e)).collect();
    errors.extend(refused);
    if errors.is_empty() { Ok(request) } else { Err(Problem::invalid(errors)) }
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
