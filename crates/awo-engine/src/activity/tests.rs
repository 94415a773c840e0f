use super::*;

/// What is kept of things that are told at these milliseconds.
fn kept(told: impl IntoIterator<Item = (u64, AgentProgress)>) -> Ring {
    let mut ring = Ring::new(StepName::known("implement"), 1);
    for (millis, what) in told {
        let since = Duration::from_millis(millis);
        ring.take(what, Timestamp::UNIX_EPOCH + since, since);
    }
    ring
}

fn text(text: &str) -> AgentProgress {
    AgentProgress::Text(text.into())
}

fn tool(tool: &str, detail: &str) -> AgentProgress {
    AgentProgress::ToolStarted { tool: tool.into(), detail: detail.into() }
}

fn texts(ring: &Ring) -> Vec<&str> {
    ring.entries
        .iter()
        .map(|entry| match &entry.what {
            AgentProgress::Text(text) => &**text,
            AgentProgress::ToolStarted { tool, .. } => &**tool,
            _ => "",
        })
        .collect()
}

#[test]
fn parts_of_a_text_are_one_entry_and_others_are_their_own() {
    let ring = kept([
        (0, text("I lo")),
        (100, text("ok at ")),
        (300, text("it.")),
        (1_000, text("Now I write.")),
        (1_001, tool("write", "a.txt")),
        (1_002, text("Done.")),
    ]);
    assert_eq!(texts(&ring), ["I look at it.", "Now I write.", "write", "Done."]);
    assert_eq!(ring.entries[0].at, Timestamp::UNIX_EPOCH, "when it began");
}

#[test]
fn a_flood_is_kept_small() {
    let flood =
        (0..2_000_u64).map(|n| (n, if n % 2 == 0 { text(&"ä".repeat(2_000)) } else { tool("x", &"ö".repeat(9_000)) }));
    let ring = kept(flood);
    assert_eq!(ring.entries.len(), KEPT);
    let AgentProgress::Text(last) = &ring.entries[KEPT - 2].what else { panic!("{ring:?}") };
    assert_eq!((last.chars().count(), last.starts_with('…')), (TEXT + 1, true), "its end");
    let AgentProgress::ToolStarted { detail, .. } = &ring.entries[KEPT - 1].what else { panic!("{ring:?}") };
    assert_eq!((detail.chars().count(), detail.ends_with('…')), (WORD + 1, true), "its beginning");
    let growing = kept((0..1_000).map(|n| (n, text("0123456789"))));
    assert_eq!((growing.entries.len(), texts(&growing)[0].chars().count()), (1, TEXT + 1));
}

#[test]
fn what_is_consumed_adds_up_over_executions_and_is_no_entry() {
    let used = |tokens| AgentProgress::Used(Usage { output_tokens: Some(tokens), ..Usage::default() });
    let mut ring = kept([(0, used(5)), (1, used(7))]);
    let tokens = |ring: &Ring| ring.usage().and_then(|usage| usage.output_tokens);
    assert_eq!((tokens(&ring), ring.entries.len()), (Some(7), 0), "each tells all so far");
    ring.execution_begins();
    assert_eq!(tokens(&ring), Some(7));
    ring.take(used(3), Timestamp::UNIX_EPOCH, Duration::ZERO);
    assert_eq!(tokens(&ring), Some(10));
    assert_eq!(kept([]).usage(), None, "unknown, not zero");
}

#[tokio::test(start_paused = true)]
async fn news_are_told_four_times_a_second_at_most_and_the_last_is_not_left_out() {
    let (feed, hints) = (ActivityFeed::default(), ActivityHints::new());
    let order = OrderId::new(1, [1; 10]);
    let mut heard = hints.subscribe();
    feed.begin(StepName::known("plan"), 1);
    let clock: Arc<dyn Clock> = Arc::new(crate::ports::SystemClock::default());
    let sink = feed.sink(&clock);
    let work = async {
        for _ in 0..200 {
            sink.tell(tool("read", "x"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(PAUSE).await;
    };
    feed.told_while(order, &hints, work).await;
    let mut times = 0;
    while heard.try_recv().is_ok() {
        times += 1;
    }
    assert!((8..=10).contains(&times), "{times} in 2 s");
    assert_eq!(feed.seen().unwrap().count, 200);
    feed.end();
    sink.tell(tool("read", "late"));
    assert_eq!(feed.seen(), None);
}
