//! A collector: takes what awo exports, and reads it as any other would.

use std::collections::{BTreeMap, BTreeSet};

use awo_testkit::{Receiver, eventually};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;

/// Status of a span that failed.
const ERROR: i32 = 2;

/// A span, ids in hex.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) trace: String,
    pub(super) id: String,
    /// Empty if it is the root.
    pub(super) parent: String,
    pub(super) links: Vec<(String, String)>,
    pub(super) begun: u64,
    pub(super) ended: u64,
    /// The failure, if it is one.
    pub(super) failed: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    /// Type of each attribute.
    pub(super) types: BTreeMap<String, &'static str>,
}

impl Span {
    #[track_caller]
    pub(super) fn told(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).unwrap_or_else(|| panic!("{attribute} is not told: {self:#?}"))
    }
}

/// All spans that came, in the order in which they ended.
pub(super) fn spans(collector: &Receiver) -> Vec<Span> {
    let mut spans = Vec::new();
    for request in collector.received() {
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        let request = ExportTraceServiceRequest::decode(&request.body[..]).unwrap();
        for resource in request.resource_spans {
            for scope in resource.scope_spans {
                assert_eq!(scope.scope.unwrap().name, "awo");
                spans.extend(scope.spans.into_iter().map(read));
            }
        }
    }
    spans
}

/// Attributes of those who sent, as they said them.
pub(super) fn senders(collector: &Receiver) -> BTreeSet<(String, String)> {
    let requests = collector.received().into_iter().map(|request| ExportTraceServiceRequest::decode(&request.body[..]));
    let resources = requests.flat_map(|request| request.unwrap().resource_spans).filter_map(|spans| spans.resource);
    resources
        .flat_map(|resource| resource.attributes.into_iter().map(told))
        .map(|(name, value, _)| (name, value))
        .collect()
}

/// Waits for a span.
#[track_caller]
pub(super) fn comes(collector: &Receiver, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
    eventually(what, || spans(collector).into_iter().find(&is_it))
}

fn read(span: opentelemetry_proto::tonic::trace::v1::Span) -> Span {
    assert!(span.events.is_empty(), "what is written by others would be in events: {span:?}");
    let attributes: Vec<_> = span.attributes.into_iter().map(told).collect();
    let status = span.status.unwrap_or_default();
    Span {
        name: span.name,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        begun: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        failed: (status.code == ERROR).then_some(status.message),
        types: attributes.iter().map(|(name, _, kind)| (name.clone(), *kind)).collect(),
        attributes: attributes.into_iter().map(|(name, value, _)| (name, value)).collect(),
    }
}

fn told(attribute: KeyValue) -> (String, String, &'static str) {
    let (value, kind) = match attribute.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => (text, "text"),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => (number.to_string(), "integer"),
        Some(AnyValue { value: Some(Value::DoubleValue(number)) }) => (number.to_string(), "number"),
        other => panic!("{other:?}"),
    };
    (attribute.key, value, kind)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
