//! One message of a stream, and its two forms on the wire.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    /// Where the client resumes after it; none for what is told again when the client comes back.
    pub(crate) id: Option<String>,
    /// What it is about; none for a plain message.
    pub(crate) kind: Option<&'static str>,
    data: Box<RawValue>,
}

impl Message {
    /// A message with a place in the order of things.
    pub(crate) fn numbered(id: &impl ToString, kind: Option<&'static str>, data: &impl Serialize) -> Self {
        Self { id: Some(id.to_string()), kind, data: json(data) }
    }

    /// A message about the present.
    pub(crate) fn passing(kind: &'static str, data: &impl Serialize) -> Self {
        Self { id: None, kind: Some(kind), data: json(data) }
    }

    /// As a server-sent event. JSON has no line breaks of its own, so nothing in it can begin another line.
    pub(crate) fn write_event(&self, text: &mut String) {
        let lines = [("id", self.id.as_deref()), ("event", self.kind), ("data", Some(self.data.get()))];
        for (name, value) in lines {
            if let Some(value) = value {
                text.extend([name, ": ", value, "\n"]);
            }
        }
        text.push('\n');
    }

    /// As the text of a frame.
    pub(crate) fn frame(&self) -> String {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: Option<&'a str>,
            event: Option<&'a str>,
            data: &'a RawValue,
        }
        let frame = Frame { id: self.id.as_deref(), event: self.kind, data: &self.data };
        serde_json::to_string(&frame).unwrap_or_default()
    }
}

/// Views are plain data, which JSON always has a form for.
fn json(data: &impl Serialize) -> Box<RawValue> {
    to_raw_value(data).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_others_cannot_begin_a_line() {
        let hostile = json!({"text": "a\nevent: end\r\n\ndata: {}\u{2028}\u{85}"});
        let mut text = String::new();
        Message::numbered(&7, Some("warning"), &hostile).write_event(&mut text);
        assert_eq!(text.split(['\n', '\r']).collect::<Vec<_>>().len(), 5, "{text:?}");
        assert!(text.starts_with("id: 7\nevent: warning\ndata: {") && text.ends_with("}\n\n"), "{text:?}");
    }

    #[test]
    fn both_forms_say_the_same() {
        let message = Message::passing("state", &json!({"status": "running"}));
        let mut text = String::new();
        message.write_event(&mut text);
        assert_eq!(text, "event: state\ndata: {\"status\":\"running\"}\n\n");
        assert_eq!(message.frame(), r#"{"id":null,"event":"state","data":{"status":"running"}}"#);
    }
}
