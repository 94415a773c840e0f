//! What the program sends to a collector of OpenTelemetry, and that no order minds what the collector does with it.

mod collector;

use std::collections::BTreeMap;

use awo_testkit::{ROLES, Receiver, Reply, until};

use crate::setting::{STEPS, Setting, completed, ended, events, order, steps, told};
use collector::{Span, comes, senders, spans};

/// The page that lists spans and attributes.
const PAGE: &str = include_str!("../../../../docs/operations.md");

/// A setting whose program sends to a collector, soon.
fn setting(address: &str, more: &[(&str, &str)]) -> Setting {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", address), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    Setting::with(&[&variables, more].concat())
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    let mut named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    named.sort_by_key(|span| span.begun);
    named
}

fn outcomes<'a>(spans: &[&'a Span]) -> Vec<&'a str> {
    spans.iter().map(|span| span.told("awo.outcome")).collect()
}

/// Ends a server, and lets it send what is left.
#[track_caller]
fn end(mut server: awo_testkit::Server) -> String {
    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    server.log()
}

#[test]
fn an_order_is_a_trace_of_steps_agents_and_saves() {
    let collector = Receiver::new();
    let more =
        [("AWO_LOG_LEVEL", "debug,awo::trace=trace"), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")];
    let setting = setting(&collector.address(), &more);
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    let log = end(server);
    let spans = spans(&collector);
    let [whole] = named(&spans, "order")[..] else { panic!("{spans:#?}") };
    assert_eq!((whole.trace.as_str(), whole.parent.as_str()), (&id[3..], ""), "the trace has the digits of the order");
    assert_eq!((whole.told("awo.order.id"), whole.told("awo.order.epoch")), (id.as_str(), "1"));
    assert_eq!((whole.told("awo.outcome"), whole.told("awo.results")), ("completed", "7"));
    assert_eq!(whole.told("awo.tokens"), "840", "120 of each step");
    assert!(whole.links.is_empty());

    let steps = named(&spans, "step");
    assert_eq!(steps.iter().map(|step| step.told("awo.step")).collect::<Vec<_>>(), STEPS);
    let saves = named(&spans, "save");
    let lengths: Vec<_> = saves.iter().map(|save| save.told("awo.results")).collect();
    assert_eq!(lengths, ["1", "2", "3", "4", "5", "6", "7", "7"]);
    assert!(saves.iter().chain(&steps).all(|span| span.parent == whole.id), "{spans:#?}");
    let agents = named(&spans, "agent");
    let above: Vec<_> = agents.iter().map(|agent| &agent.parent).collect();
    assert_eq!(above, steps.iter().map(|step| &step.id).collect::<Vec<_>>(), "one below each step");
    assert_eq!(outcomes(&saves), ["stored"; 8]);
    assert_eq!((outcomes(&steps), outcomes(&agents)), (vec!["succeeded"; 7], vec!["succeeded"; 7]));

    for span in &spans {
        assert_eq!((&span.trace, &span.failed), (&whole.trace, &None), "{span:#?}");
        assert!(whole.begun <= span.begun && span.begun <= span.ended && span.ended <= whole.ended, "{span:#?}");
    }
    assert_eq!(spans.len(), 1 + 7 + 7 + 8);
    for (name, value) in [("service.name", "awo"), ("deployment.environment.name", "test")] {
        assert!(senders(&collector).contains(&(name.into(), value.into())), "{:?}", senders(&collector));
    }
    assert!(!log.contains("awo.order") && !log.contains("awo::trace\""), "spans are in the log:\n{log}");
}

#[test]
fn what_fails_is_told_by_its_class_and_nothing_that_others_wrote_is() {
    let collector = Receiver::new();
    // What is logged decides nothing of what is sent.
    let setting = setting(&collector.address(), &[("AWO_LOG_LEVEL", "off"), ("OTEL_SERVICE_NAME", "orders")]);
    setting.agent.fail("planner", "the secret words of an agent");
    let server = setting.program.serve();
    let id = setting.create(&server);
    ended(&server, &id);
    assert_eq!(end(server), "");
    let spans = spans(&collector);
    let [whole] = named(&spans, "order")[..] else { panic!("{spans:#?}") };
    assert_eq!((whole.told("awo.outcome"), whole.told("error.type")), ("failed", "agent_crashed"));
    assert_eq!(outcomes(&named(&spans, "step")), ["succeeded", "failed"]);
    assert_eq!(outcomes(&named(&spans, "agent")), ["succeeded", "failed"]);
    let failed: Vec<_> = spans.iter().filter(|span| span.failed.is_some()).collect();
    assert_eq!(failed.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["agent", "step", "order"]);
    assert!(failed.iter().all(|span| span.failed.as_deref() == Some("agent_crashed")), "{failed:#?}");
    let sent: Vec<u8> = collector.received().into_iter().flat_map(|request| request.body).collect();
    let sent = String::from_utf8_lossy(&sent);
    for words in ["secret words", "Say hello", setting.remote.url().as_str()] {
        assert!(!sent.contains(words), "{words:?} is sent");
    }
    assert!(senders(&collector).contains(&("service.name".into(), "orders".into())));
}

#[test]
fn the_next_server_goes_on_in_the_same_trace_and_links_to_the_one_before() {
    let collector = Receiver::new();
    let setting = setting(&collector.address(), &[]);
    setting.agent.hold("planner");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    let first = comes(&collector, "the first step", |span| span.name == "step");
    server.kill();
    setting.agent.release("planner");
    let server = setting.program.serve();
    completed(&server, &id);
    end(server);
    let spans = spans(&collector);
    let [whole] = named(&spans, "order")[..] else { panic!("that of the killed server is never told: {spans:#?}") };
    assert_eq!((&whole.trace, whole.told("awo.order.epoch")), (&first.trace, "2"));
    assert_eq!(whole.told("awo.results.before"), "2", "a result, and one of the attempt that was cut");
    assert_eq!(whole.links, [(first.trace, first.parent.clone())], "the span that the first life had");
    assert_ne!(whole.id, first.parent);
    let below = named(&spans, "step").into_iter().filter(|step| step.parent == whole.id);
    assert_eq!(below.count(), 6);
}

#[test]
fn every_span_and_attribute_is_listed_in_the_documentation_and_the_other_way_round() {
    let collector = Receiver::new();
    let setting = setting(&collector.address(), &[]);
    let server = setting.program.serve();
    completed(&server, &setting.create(&server));
    setting.agent.fail("classifier", "no");
    ended(&server, &setting.create(&server));
    end(server);
    let mut seen = BTreeMap::<(String, String), &str>::new();
    for span in spans(&collector) {
        seen.extend(span.types.into_iter().map(|(name, kind)| ((span.name.clone(), name), kind)));
    }
    // A save that fails is hard to come by here; that it tells why is tested where stores fail.
    seen.insert(("save".into(), "error.type".into()), "text");
    assert_eq!(seen, documented());
}

/// What the documentation lists: `| span | attribute | kind | meaning |`.
fn documented() -> BTreeMap<(String, String), &'static str> {
    let (_, section) = PAGE.split_once("\n## Traces\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')));
    let attributes = cells.flat_map(|mut cells| {
        let (spans, attribute) = (cells.next().unwrap(), cells.next().unwrap().to_owned());
        let kind = cells.next().unwrap();
        spans.split(", ").map(move |span| ((span.trim_matches('`').to_owned(), attribute.clone()), kind))
    });
    attributes.collect()
}

/// The line of the log that says that spans are lost.
fn complaints(log: &str) -> usize {
    log.lines().filter(|line| line.contains("traces_not_exported")).count()
}

#[test]
fn a_collector_that_is_not_there_is_told_of_once() {
    let gone = Receiver::new().address();
    let setting = setting(&gone, &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")]);
    let server = setting.program.serve();
    for _ in 0..2 {
        let id = setting.create(&server);
        completed(&server, &id);
    }
    let log = end(server);
    assert_eq!(complaints(&log), 1, "{log}");
}

#[test]
fn a_collector_that_never_answers_holds_neither_orders_nor_the_end() {
    let collector = Receiver::new();
    collector.reply(Reply::Nothing);
    // Longer than any wait of a test; and room for few.
    let more = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ];
    let setting = setting(&collector.address(), &more);
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    assert_eq!(told(&steps(&server, &id)), STEPS.map(|step| format!("{step} 1 ok")));
    until("the collector is asked", || !collector.received().is_empty());
    let log = end(server);
    assert!(log.contains("traces_left_behind"), "{log}");
    assert_eq!(collector.received().len(), 1, "one at a time");
}

#[test]
fn a_collector_that_refuses_or_sends_elsewhere_is_told_of_once_and_so_is_that_it_takes_again() {
    let (collector, elsewhere) = (Receiver::new(), Receiver::new());
    collector.reply_next([Reply::Status(503), Reply::Status(400), Reply::Redirect(elsewhere.address())]);
    let setting = setting(
        &collector.address(),
        &[("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k1"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")],
    );
    setting.agent.hold(ROLES[3]);
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work(ROLES[3], 1);
    until("three steps are sent", || collector.received().len() >= 3);
    setting.agent.release(ROLES[3]);
    completed(&server, &id);
    let log = end(server);
    assert_eq!((complaints(&log), log.matches("traces_exported_again").count()), (1, 1), "{log}");
    assert!(collector.received().iter().all(|request| request.header("x-key") == Some("k1")));
    assert!(elsewhere.received().is_empty(), "the key went elsewhere");
    assert!(!log.contains("k1"), "{log}");
}

#[test]
fn what_cannot_be_sent_is_said_by_those_who_would_send_it() {
    let setting = setting("http://127.0.0.1:4317", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    let refused = setting.run(&["serve", "--bind", "127.0.0.1:0"]).expect(2);
    assert!(refused.err.contains("\"grpc\"") && refused.err.contains("http/protobuf"), "{refused:?}");
    setting.run(&["list"]).expect(0);
}

#[test]
fn an_order_that_goes_back_to_the_queue_says_so() {
    let collector = Receiver::new();
    let setting = setting(&collector.address(), &[]);
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    end(server);
    let spans = spans(&collector);
    assert_eq!(outcomes(&named(&spans, "order")), ["handed_over"], "{spans:#?}");
    assert_eq!(named(&spans, "step")[1].told("error.type"), "interrupted");
    setting.agent.release("planner");
    let server = setting.program.serve();
    completed(&server, &id);
    assert_eq!(order(&server, &id)["steps_completed"], 7);
    assert!(events(&server, &id).iter().any(|event| event["kind"] == "handed_over"));
}
