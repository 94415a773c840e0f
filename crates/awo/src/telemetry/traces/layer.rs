//! Makes spans of OpenTelemetry of the engine's spans.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use awo_engine::ports::{Clock as _, SystemClock};
use awo_engine::traces::{ERROR_TYPE, ORDER_EPOCH, ORDER_ID};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::place;

/// Hands each span that has ended to a processor.
#[derive(Debug)]
pub(super) struct Spans {
    processor: Arc<BatchSpanProcessor>,
    clock: SystemClock,
    scope: InstrumentationScope,
}

impl Spans {
    pub(super) fn new(processor: Arc<BatchSpanProcessor>) -> Self {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"));
        let scope = scope.with_version(env!("CARGO_PKG_VERSION")).build();
        Self { processor, clock: SystemClock::default(), scope }
    }
}

/// A span that has not ended.
#[derive(Debug)]
struct Open {
    place: SpanContext,
    parent: SpanId,
    links: SpanLinks,
    begun: Duration,
    day: Day,
    told: Told,
}

/// A moment by both clocks: one that never goes back, and the time of day. A whole trace is measured by one such moment, so
/// that its spans lie within each other whatever becomes of the time of day.
#[derive(Debug, Clone, Copy)]
struct Day {
    monotonic: Duration,
    time: SystemTime,
}

impl Day {
    fn time_at(self, monotonic: Duration) -> SystemTime {
        self.time + monotonic.saturating_sub(self.monotonic)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut told = Told::default();
        attributes.record(&mut told);
        let begun = self.clock.monotonic();
        let above = span.parent();
        let above = above.and_then(|above| above.extensions().get::<Open>().map(|open| (open.place.clone(), open.day)));
        let open = if let Some((above, day)) = above {
            let place = place::below(&above, RandomIdGenerator::default().new_span_id());
            Open { place, parent: above.span_id(), links: SpanLinks::default(), begun, day, told }
        } else {
            let Some((place, links)) = told.order() else { return }; // it belongs to no order
            let day = Day { monotonic: begun, time: self.clock.now().into() };
            Open { place, parent: SpanId::INVALID, links, begun, day, told }
        };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.told);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        self.processor.on_end(SpanData {
            span_context: open.place,
            parent_span_id: open.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: span.name().into(),
            start_time: open.day.time_at(open.begun),
            end_time: open.day.time_at(self.clock.monotonic()),
            status: open.told.status(),
            attributes: open.told.0,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: open.links,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// What is told of a span, each attribute once: what is told later counts.
#[derive(Debug, Default)]
struct Told(Vec<KeyValue>);

impl Told {
    fn tell(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.retain(|told| told.key.as_str() != name);
        self.0.push(KeyValue::new(name, value));
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|told| told.key.as_str() == name).map(|told| &told.value)
    }

    /// The place of an order's span, and a link to that of the claim before.
    fn order(&self) -> Option<(SpanContext, SpanLinks)> {
        let (id, Value::I64(epoch)) = (self.get(ORDER_ID)?.as_str(), self.get(ORDER_EPOCH)?) else { return None };
        let epoch = u64::try_from(*epoch).ok()?;
        let before = epoch.checked_sub(1).filter(|before| *before > 0);
        let mut links = SpanLinks::default();
        links.links.extend(before.and_then(|before| place::of_order(&id, before)).map(Link::with_context));
        Some((place::of_order(&id, epoch)?, links))
    }

    fn status(&self) -> Status {
        self.get(ERROR_TYPE).map_or(Status::Unset, |why| Status::error(why.as_str().into_owned()))
    }
}

impl Visit for Told {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.tell(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.tell(field.name(), i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.tell(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.tell(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.tell(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.tell(field.name(), format!("{value:?}"));
    }
}
