//! Documents as text: how they are written, and what is wrong with those that cannot be read.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::error::Trouble;
use crate::BoxError;

/// Newest format that is read, and the one that is written. It is raised with whatever a program that knows less would not
/// read as it was meant: a kind of event, a field of a result.
pub(super) const FORMAT: i32 = 1;

/// The stored form of a document. What awo stores is plain data, which has one.
pub(super) fn text(document: &impl Serialize) -> Result<String, Trouble> {
    serde_json::to_string(document).map_err(|error| Trouble::Driver(sqlx::Error::Encode(error.into())))
}

/// The stored forms of several.
pub(super) fn texts<T: Serialize>(documents: impl IntoIterator<Item = T>) -> Result<Vec<String>, Trouble> {
    documents.into_iter().map(|document| text(&document)).collect()
}

/// Reads a document.
pub(super) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, BoxError> {
    Ok(serde_json::from_str(text)?)
}

/// A number of ours as the database has it.
pub(super) fn stored(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A number of the database as we have it.
pub(super) fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A column of a row. One that is not there, or of another kind, is a mistake of ours.
pub(super) fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, Trouble>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    Ok(row.try_get(name)?)
}
