//! Where a span stands: in which trace, and under which id. The place of an order's own span is derived from the order and
//! nothing else, so that every life of awo, and whoever knows the order, finds the same.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The place of an order's span: the trace has the digits of the order's id, the span is that of the order's n-th claim.
/// `None` if the text is not the id of an order.
pub(super) fn of_order(id: &str, epoch: u64) -> Option<SpanContext> {
    let trace = TraceId::from_hex(id.strip_prefix("wo-")?).ok().filter(|trace| *trace != TraceId::INVALID)?;
    let span = xxh3_64_with_seed(&trace.to_bytes(), epoch).max(1); // none has the id 0
    Some(context(trace, SpanId::from_bytes(span.to_be_bytes())))
}

/// The place of a span below another.
pub(super) fn below(parent: &SpanContext, id: SpanId) -> SpanContext {
    context(parent.trace_id(), id)
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "wo-0191f3a6b2c07def8123456789abcdef";

    #[test]
    fn the_trace_has_the_digits_of_the_order() {
        let first = of_order(ID, 1).unwrap();
        assert_eq!(first.trace_id().to_string(), ID[3..]);
        assert_eq!(of_order(ID, 1).unwrap(), first, "always the same");
        let second = of_order(ID, 2).unwrap();
        assert_eq!(second.trace_id(), first.trace_id());
        assert_ne!(second.span_id(), first.span_id());
    }

    #[test]
    fn ids_of_spans_stay_as_they_are() {
        // A link to the span that an older release made must still lead there.
        let told = [1, 2].map(|epoch| of_order(ID, epoch).unwrap().span_id().to_string()).join(" ");
        insta::assert_snapshot!(told, @"988a9431c49ea2b1 8586e3966d7ef9d2");
    }

    #[test]
    fn what_is_no_order_has_no_place() {
        let nil = format!("wo-{}", "0".repeat(32));
        for text in ["", "wo-", "0191f3a6b2c07def8123456789abcdef", nil.as_str(), "wo-xyz"] {
            assert_eq!(of_order(text, 1), None, "{text}");
        }
    }
}
