//! Whatever is asked in whatever order: files answer as memory does, also across restarts and kills.

use std::path::PathBuf;
use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventSeq, OrderId, StepHistory};
use awo_state::conformance::kit::{self, finished, id, result};
use awo_state::conformance::run;
use awo_state::{Change, Committed, Durability, FileOptions, InMemory, OrderQuery, StateError, StateRepository};
use proptest::prelude::*;

use crate::fixtures::{Files, journal};

#[derive(Debug, Clone)]
enum Op {
    Create {
        n: u64,
        key: u8,
        held: bool,
    },
    /// Somebody starts an order, held or not.
    Start {
        n: u64,
    },
    Claim {
        n: u64,
        worker: u64,
    },
    ClaimAgain {
        n: u64,
    },
    /// A step ends and all that is not acknowledged is sent; the answer may be lost.
    Finish {
        n: u64,
        results: u8,
        heard: bool,
    },
    /// The last save arrives again.
    Late {
        n: u64,
    },
    Cancel {
        n: u64,
    },
    HandOver {
        n: u64,
    },
    End {
        n: u64,
        heard: bool,
    },
    Retry {
        n: u64,
    },
    /// Somebody leaves a prompt, in an order that has ended to open it again, or not to.
    Prompt {
        n: u64,
        reopens: bool,
    },
    /// The owner takes up all prompts that it was told of.
    TakeUp {
        n: u64,
    },
    Delete {
        n: u64,
    },
    Reopen,
    /// The process is killed, between two calls or while it writes.
    Crash {
        cut: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let n = 1..4_u64;
    prop_oneof![
        2 => (n.clone(), 0..3_u8, any::<bool>()).prop_map(|(n, key, held)| Op::Create { n, key, held }),
        2 => n.clone().prop_map(|n| Op::Start { n }),
        3 => (n.clone(), 0..1000_u64).prop_map(|(n, worker)| Op::Claim { n, worker }),
        1 => n.clone().prop_map(|n| Op::ClaimAgain { n }),
        8 => (n.clone(), 0..3_u8, any::<bool>()).prop_map(|(n, results, heard)| Op::Finish { n, results, heard }),
        2 => n.clone().prop_map(|n| Op::Late { n }),
        1 => n.clone().prop_map(|n| Op::Cancel { n }),
        1 => n.clone().prop_map(|n| Op::HandOver { n }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, heard)| Op::End { n, heard }),
        2 => n.clone().prop_map(|n| Op::Retry { n }),
        2 => (n.clone(), any::<bool>()).prop_map(|(n, reopens)| Op::Prompt { n, reopens }),
        1 => n.clone().prop_map(|n| Op::TakeUp { n }),
        1 => n.prop_map(|n| Op::Delete { n }),
        2 => Just(Op::Reopen),
        2 => any::<bool>().prop_map(|cut| Op::Crash { cut }),
    ]
}

/// Settings that change what is done behind the answers, and never the answers.
fn options() -> impl Strategy<Value = FileOptions> {
    let compact = (prop_oneof![Just(0), Just(u64::MAX)], prop_oneof![Just(0), Just(20)]);
    let interval = Durability::Interval(std::time::Duration::from_millis(1));
    let durability = prop_oneof![Just(Durability::Always), Just(interval), Just(Durability::Os)];
    (durability, 0..3_usize, compact).prop_map(|(durability, keep_ended, (compact_from, compact_percent))| {
        FileOptions { durability, keep_ended, compact_from, compact_percent }
    })
}

/// Somebody who believes to own an order, rightly or not.
#[derive(Debug, Clone)]
struct Believer {
    history: StepHistory,
    change: Change,
    claim: Change,
    last: Option<(StepHistory, Change)>,
}

struct Both {
    memory: Arc<dyn StateRepository>,
    file: Arc<dyn StateRepository>,
    dir: PathBuf,
}

impl Both {
    async fn save(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed, StateError> {
        let expected = self.memory.save_step_history(id, history, change).await;
        alike(&expected, self.file.save_step_history(id, history, change).await)
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed, StateError> {
        let expected = self.memory.update(id, change).await;
        alike(&expected, self.file.update(id, change).await)
    }

    async fn seq(&self, id: OrderId) -> EventSeq {
        let seen = self.memory.get(id).await.unwrap();
        seen.map_or(EventSeq(0), |seen| seen.seq)
    }

    /// Everything a reader can see is the same.
    async fn check(&self) {
        let query = OrderQuery::default();
        let expected = self.memory.list(&query).await;
        let mut found = self.file.list(&query).await;
        for row in found.iter_mut().flat_map(|page| &mut page.items) {
            let journal = std::fs::metadata(journal(&self.dir, row.order.agent_work_order_id)).unwrap();
            assert_eq!(std::mem::take(&mut row.bytes), journal.len(), "it knows what it stores");
        }
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        for n in 1..4 {
            let expected = self.memory.get(id(n)).await.unwrap();
            if expected.is_some() {
                let sight = kit::look(&self.file, id(n)).await;
                sight.check();
                assert_eq!(sight, kit::look(&self.memory, id(n)).await);
            } else {
                assert!(self.file.get(id(n)).await.unwrap().is_none());
            }
        }
    }
}

fn alike<T: std::fmt::Debug>(expected: &Result<T, StateError>, found: Result<T, StateError>) -> Result<T, StateError> {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    found
}

async fn act(both: &Both, believers: &mut [Option<Believer>; 4], op: Op) {
    match op {
        Op::Create { n, key, held } => {
            let order = || {
                let mut order = match key {
                    0 => kit::order(n),
                    key => kit::order_with_key(n, &format!("key-{key}")),
                };
                order.state.held = held;
                order
            };
            let expected = both.memory.create(order()).await;
            let _ = alike(&expected, both.file.create(order()).await);
        }
        Op::Claim { n, worker } => {
            let claim = kit::claim(both.seq(id(n)).await, worker);
            if let Ok(heard) = both.update(id(n), &claim).await {
                believers[usize::try_from(n).unwrap()] = Some(Believer {
                    history: both.memory.get(id(n)).await.unwrap().unwrap().history,
                    change: Change::after(heard),
                    claim,
                    last: None,
                });
            }
        }
        Op::Start { n } => {
            let change = kit::start_requested(Change::if_unchanged(both.seq(id(n)).await));
            let _ = both.update(id(n), &change).await;
        }
        Op::Cancel { n } => {
            let change = kit::cancel_requested(Change::if_unchanged(both.seq(id(n)).await));
            let _ = both.update(id(n), &change).await;
        }
        Op::Retry { n } => {
            let change = kit::retried(Change::if_unchanged(both.seq(id(n)).await), 0, 0);
            let _ = both.update(id(n), &change).await;
        }
        Op::Prompt { n, reopens } => {
            let number = both.memory.get(id(n)).await.unwrap().map_or(0, |seen| seen.order.state.prompts.len()) + 1;
            let change = kit::prompted(Change::if_unchanged(both.seq(id(n)).await), number, reopens);
            let _ = both.update(id(n), &change).await;
        }
        Op::Delete { n } => {
            let seq = both.seq(id(n)).await;
            let expected = both.memory.delete(id(n), seq).await;
            let _ = alike(&expected, both.file.delete(id(n), seq).await);
        }
        Op::ClaimAgain { n }
        | Op::Finish { n, .. }
        | Op::Late { n }
        | Op::HandOver { n }
        | Op::TakeUp { n }
        | Op::End { n, .. } => {
            if let Some(believer) = &mut believers[usize::try_from(n).unwrap()] {
                act_as(both, believer, id(n), op).await;
            }
        }
        Op::Reopen | Op::Crash { .. } => unreachable!("handled by the caller"),
    }
}

async fn act_as(both: &Both, believer: &mut Believer, id: OrderId, op: Op) {
    let heard = match op {
        Op::ClaimAgain { .. } => {
            let _ = both.update(id, &believer.claim).await;
            return;
        }
        Op::Late { .. } => {
            if let Some((history, change)) = &believer.last {
                let _ = both.save(id, history, change).await;
            }
            return;
        }
        Op::Finish { results, heard, .. } => {
            for _ in 0..results {
                let attempt = u32::try_from(believer.history.len()).unwrap() + 1;
                believer.history.push(result("implement", attempt, attempt % 2 == 0));
                let patch = kit::steps_completed(believer.history.len());
                believer.change.record(finished(&believer.history), kit::at(2), patch);
            }
            heard
        }
        Op::TakeUp { .. } => {
            let told = both.memory.get(id).await.unwrap().map_or(0, |seen| seen.order.state.prompts.len());
            believer.change = kit::taken_up(believer.change.clone(), told);
            true
        }
        Op::HandOver { .. } => {
            believer.change = kit::handed_over(believer.change.clone());
            true
        }
        Op::End { heard, .. } => {
            believer.change = kit::ended(believer.change.clone(), AgentWorkOrderStatus::Failed);
            heard
        }
        _ => return,
    };
    believer.last = Some((believer.history.clone(), believer.change.clone()));
    match both.save(id, &believer.history, &believer.change).await {
        Ok(answer) if heard => believer.change.settle(answer),
        // As the engine does: the prompt comes first, the end later.
        Err(StateError::PromptWaiting) => believer.change = believer.change.clone().without_end(),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn files_answer_as_memory_does(ops in proptest::collection::vec(op(), 1..60), options in options()) {
        run(async {
            let mut files = Files::with(options);
            let dir = files.dir.path().to_owned();
            let mut both = Both { memory: Arc::new(InMemory::default()), file: files.handle(), dir };
            let mut believers: [Option<Believer>; 4] = Default::default();
            for op in ops {
                match op {
                    Op::Reopen => {
                        drop(both.file);
                        both.file = files.open_again().await;
                    }
                    Op::Crash { cut } => {
                        drop(both.file);
                        both.file = files.crash(cut).await;
                        files.dir.path().clone_into(&mut both.dir);
                    }
                    op => act(&both, &mut believers, op).await,
                }
                both.check().await;
            }
            let Both { memory, file, dir } = both;
            drop(file);
            Both { memory, file: files.open_again().await, dir }.check().await;
        });
    }
}
