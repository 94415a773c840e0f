//! Which form of an answer a client takes.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// The forms that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What is there, at once.
    Json,
    /// What comes, when it comes.
    Stream,
    /// Figures in lines and columns.
    Csv,
}

impl Form {
    /// Its media type.
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Stream => "text/event-stream",
            Self::Csv => "text/csv",
        }
    }
}

/// The one of the forms that a client names first; the first of them where it takes anything, or does not say.
pub(crate) fn accepted(headers: &HeaderMap, forms: &[Form]) -> Option<Form> {
    let usual = *forms.first()?;
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return Some(usual);
    }
    let mut anything = false;
    for range in ranges.flat_map(|list| list.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or("").to_ascii_lowercase();
        if parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0))) {
            continue;
        }
        if let Some(form) = forms.iter().find(|form| name == form.media_type()) {
            return Some(*form);
        }
        let whole_kind = name.strip_suffix('*').filter(|kind| kind.ends_with('/'));
        anything |= whole_kind.is_some_and(|kind| kind == "*/" || usual.media_type().starts_with(kind));
    }
    anything.then_some(usual)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("application/json", Some(Form::Json))]
    #[case("*/*", Some(Form::Json))]
    #[case("text/html, application/*;q=0.5", Some(Form::Json))]
    #[case("Application/JSON", Some(Form::Json))]
    #[case("text/event-stream", Some(Form::Stream))]
    #[case("*/*, text/event-stream", Some(Form::Stream))]
    #[case("application/json, text/event-stream", Some(Form::Json))]
    #[case("application/json;q=0, text/event-stream", Some(Form::Stream))]
    #[case("text/csv", None)]
    #[case("text/html", None)]
    fn what_clients_take(#[case] accept: &'static str, #[case] taken: Option<Form>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(accepted(&headers, &[Form::Json, Form::Stream]), taken);
        assert_eq!(accepted(&HeaderMap::new(), &[Form::Stream]), Some(Form::Stream));
    }
}
