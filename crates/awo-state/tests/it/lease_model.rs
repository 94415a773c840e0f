//! A model of workers that share an order: leases, claims, saves and their ends, in every order that a few of each can come
//! in, with messages that are late and answers that are lost. What decides in it about writes is the real `merge`; and with
//! a guard taken away, it must find what goes wrong.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;

use awo_models::{AgentWorkOrderStatus, Epoch, StepHistory};
use awo_state::conformance::kit::{claim, ended, finished, result, steps_completed};
use awo_state::{Change, Committed, Head, StateError, merge};
use rstest::rstest;
use stateright::{Checker as _, HasDiscoveries, Model, Property};

const STEPS: usize = 2;
const WORKERS: usize = 2;
/// Claims that are tried in all, and messages that are under way at once.
const CLAIMS: u64 = 3;
const MESSAGES: usize = 2;

/// What keeps workers apart. All of it is there, unless a test takes something away.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each may be taken away by itself")]
struct Guards {
    /// An order is given only when nobody's lease on it lives.
    expiry: bool,
    /// A claim is refused while somebody else's lease lives.
    held: bool,
    /// A lease that has expired is not renewed.
    renewal: bool,
    /// A write of an owner is refused when another one has claimed since.
    fence: bool,
}

const ALL: Guards = Guards { expiry: true, held: true, renewal: true, fence: true };

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    head: Stored,
    /// Who did each step that is stored, and who owned the order when it was stored; as epochs.
    steps: Vec<(u64, u64)>,
    lease: Option<usize>,
    /// Whether the store's clock has not passed yet what each worker was last promised.
    promised: [bool; WORKERS],
    workers: [Worker; WORKERS],
    under_way: Vec<Message>,
    claims: u64,
    /// The most that was ever acknowledged to anybody: who did the steps.
    acknowledged: Vec<u64>,
}

/// The numbers that writes are checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stored(Head);

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Head { seq, epoch, claim, owner_events, last_owner_event, steps, history_digest, .. } = self.0;
        (seq.0, epoch.0, claim.map(|claim| claim.0), owner_events, last_owner_event, steps, history_digest).hash(state);
        (self.0.status.as_str(), self.0.claim_events).hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Worker {
    Idle,
    /// It was given the order, has read it at this version, and its claim has no answer yet.
    Claiming {
        seq: u64,
        claim: u64,
    },
    /// It owns the order, as far as it knows: who did each step, and how much it said that is acknowledged.
    Running {
        epoch: u64,
        steps: Vec<u64>,
        acknowledged: u64,
    },
}

/// What is on its way to the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Message {
    Claim { worker: usize, seq: u64, claim: u64 },
    Save { worker: usize, epoch: u64, steps: Vec<u64>, acknowledged: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    /// A worker asks for work.
    Acquire(usize),
    /// The store's clock passes the end of what a worker was promised.
    Expire(usize),
    /// A worker asks whether the order is still its own.
    Renew(usize),
    /// A worker sends what it has to say, once more perhaps.
    Send(usize),
    /// A worker has done a step.
    Work(usize),
    /// A worker is killed.
    Crash(usize),
    /// A message gets to the store; the answer gets back, or does not.
    Arrive(usize, bool),
}

/// The results that these owners left. There are few, and each is asked for very often.
fn history(steps: &[u64]) -> StepHistory {
    static MADE: Mutex<BTreeMap<Vec<u64>, StepHistory>> = Mutex::new(BTreeMap::new());
    MADE.lock().unwrap().entry(steps.to_vec()).or_insert_with(|| made(steps)).clone()
}

fn made(steps: &[u64]) -> StepHistory {
    let of = |(place, epoch): (usize, &u64)| {
        let mut result = result(["classify", "plan"][place % 2], 1, true);
        result.output = Some(format!("by epoch {epoch}").into());
        result
    };
    steps.iter().enumerate().map(of).collect()
}

/// All that an owner has to say and has not heard acknowledged.
fn words(from: Committed, epoch: u64, steps: &[u64]) -> Change {
    let mut change = Change::after(from);
    let own = (0..steps.len()).filter(|place| steps[*place] == epoch);
    for place in own.skip(usize::try_from(from.owner_events).unwrap()) {
        let event = finished(&history(&steps[..=place]));
        change.record(event, awo_state::conformance::kit::at(2), steps_completed(place + 1));
    }
    if steps.len() == STEPS { ended(change, AgentWorkOrderStatus::Completed) } else { change }
}

impl World {
    fn lease_lives(&self) -> bool {
        self.lease.is_some_and(|holder| self.promised[holder])
    }

    fn is_over(&self) -> bool {
        self.head.0.status.is_terminal()
    }

    fn send(&mut self, message: Message) {
        if !self.under_way.contains(&message) {
            self.under_way.push(message);
        }
    }

    /// The store takes a message; what it answers.
    fn take(&mut self, message: &Message, guards: Guards) -> Result<Committed, StateError> {
        let (history, change) = match message {
            Message::Claim { worker, seq, claim: id } => {
                if guards.held && self.lease_lives() && self.lease != Some(*worker) {
                    return Err(StateError::Held);
                }
                (None, claim(awo_models::EventSeq(*seq), *id))
            }
            Message::Save { epoch, steps, acknowledged, .. } => {
                let mut heard = self.head.0.committed();
                if guards.fence {
                    heard.epoch = Epoch(*epoch);
                    heard.owner_events = *acknowledged;
                }
                let own = Committed { owner_events: *acknowledged, ..heard };
                let said = words(own, *epoch, steps);
                // Without the fence, all of it counts as news of whoever owns the order now.
                let unfenced = said.recorded().iter().fold(Change::after(heard), |change, word| {
                    change.with(word.kind.clone(), word.at, word.patch.clone())
                });
                (Some(self::history(steps)), if guards.fence { said } else { unfenced })
            }
        };
        let delta = merge(&self.head.0, history.as_ref(), &change)?;
        if let Message::Save { steps, .. } = message {
            let new = steps[delta.new_steps.clone()].iter();
            self.steps.extend(new.map(|by| (*by, delta.head.epoch.0)));
        }
        self.head = Stored(delta.head);
        Ok(delta.head.committed())
    }

    /// A worker hears an answer to a message that it waits for.
    fn hear(&mut self, message: &Message, answer: &Result<Committed, StateError>) {
        match (message, &self.workers) {
            (Message::Claim { worker, claim, .. }, workers) if matches!(workers[*worker], Worker::Claiming { claim: mine, .. } if mine == *claim) =>
            {
                self.workers[*worker] = match answer {
                    Ok(heard) => {
                        let steps: Vec<_> = self.steps.iter().map(|(by, _)| *by).collect();
                        Worker::Running { epoch: heard.epoch.0, steps, acknowledged: 0 }
                    }
                    // Somebody was faster; it looks again, and tries again.
                    Err(StateError::Conflict { .. }) if !self.is_over() && self.claims < CLAIMS => {
                        self.claims += 1;
                        Worker::Claiming { seq: self.head.0.seq.0, claim: self.claims }
                    }
                    Err(_) => Worker::Idle,
                };
            }
            (Message::Save { worker, epoch, steps, .. }, workers) if matches!(workers[*worker], Worker::Running { epoch: mine, .. } if mine == *epoch) => {
                match answer {
                    Ok(heard) => {
                        if self.acknowledged.len() < steps.len() {
                            self.acknowledged.clone_from(steps);
                        }
                        if let Worker::Running { acknowledged, .. } = &mut self.workers[*worker] {
                            *acknowledged = heard.owner_events;
                        }
                        if self.is_over() {
                            self.workers[*worker] = Worker::Idle;
                            self.lease = None;
                        }
                    }
                    Err(_) => self.workers[*worker] = Worker::Idle,
                }
            }
            _ => {}
        }
    }
}

impl Model for Guards {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            head: Stored(Head::created()),
            steps: Vec::new(),
            lease: None,
            promised: [false; WORKERS],
            workers: [Worker::Idle, Worker::Idle],
            under_way: Vec::new(),
            claims: 0,
            acknowledged: Vec::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for worker in 0..WORKERS {
            if world.promised[worker] {
                actions.push(Action::Expire(worker));
            }
            let room = world.under_way.len() < MESSAGES;
            match &world.workers[worker] {
                Worker::Idle => {
                    let free = !self.expiry || !world.lease_lives();
                    if free && !world.is_over() && world.claims < CLAIMS {
                        actions.push(Action::Acquire(worker));
                    }
                }
                Worker::Claiming { .. } => {
                    actions.extend([Action::Renew(worker), Action::Crash(worker)]);
                    actions.extend(room.then_some(Action::Send(worker)));
                }
                Worker::Running { epoch, steps, acknowledged } => {
                    actions.extend([Action::Renew(worker), Action::Crash(worker)]);
                    actions.extend((steps.len() < STEPS).then_some(Action::Work(worker)));
                    let own = steps.iter().filter(|by| *by == epoch).count() as u64;
                    if room && (own > *acknowledged || steps.len() == STEPS) {
                        actions.push(Action::Send(worker));
                    }
                }
            }
        }
        for message in 0..world.under_way.len() {
            actions.extend([Action::Arrive(message, true), Action::Arrive(message, false)]);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Acquire(worker) => {
                world.claims += 1;
                world.lease = Some(worker);
                world.promised[worker] = true;
                world.workers[worker] = Worker::Claiming { seq: world.head.0.seq.0, claim: world.claims };
            }
            Action::Expire(worker) => world.promised[worker] = false,
            Action::Renew(worker) if world.lease == Some(worker) && (!self.renewal || world.promised[worker]) => {
                world.promised[worker] = true;
            }
            // It is told that the lease is lost.
            Action::Renew(worker) | Action::Crash(worker) => world.workers[worker] = Worker::Idle,
            Action::Work(worker) => {
                if let Worker::Running { epoch, steps, .. } = &mut world.workers[worker] {
                    steps.push(*epoch);
                }
            }
            Action::Send(worker) => {
                let message = match world.workers[worker].clone() {
                    Worker::Idle => return None,
                    Worker::Claiming { seq, claim } => Message::Claim { worker, seq, claim },
                    Worker::Running { epoch, steps, acknowledged } => {
                        Message::Save { worker, epoch, steps, acknowledged }
                    }
                };
                world.send(message);
            }
            Action::Arrive(place, heard) => {
                let message = world.under_way.remove(place);
                let answer = world.take(&message, *self);
                if heard {
                    world.hear(&message, &answer);
                }
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one worker is promised the order", |_, world: &World| {
                world.promised.iter().filter(|promised| **promised).count() <= 1
            }),
            Property::always("one worker is at work", |_, world: &World| {
                let at_work =
                    |worker: usize| world.promised[worker] && matches!(world.workers[worker], Worker::Running { .. });
                (0..WORKERS).filter(|worker| at_work(*worker)).count() <= 1
            }),
            Property::always("an owner whose lease lives is not replaced", |_, world: &World| {
                world.workers.iter().enumerate().all(|(number, worker)| match worker {
                    Worker::Running { epoch, .. } if world.lease == Some(number) && world.promised[number] => {
                        world.head.0.epoch.0 == *epoch
                    }
                    _ => true,
                })
            }),
            Property::always("a step is stored once, by the owner who did it", |_, world: &World| {
                let by: Vec<_> = world.steps.iter().map(|(by, _)| *by).collect();
                by.len() <= STEPS && by.is_sorted() && world.steps.iter().all(|(by, owner)| by == owner)
            }),
            Property::always("what was acknowledged is stored", |_, world: &World| {
                world
                    .steps
                    .iter()
                    .map(|(by, _)| *by)
                    .take(world.acknowledged.len())
                    .eq(world.acknowledged.iter().copied())
            }),
            Property::sometimes("an order completes", |_, world: &World| world.is_over()),
            Property::sometimes("an order that was taken over completes", |_, world: &World| {
                world.is_over() && world.steps.iter().map(|(by, _)| *by).eq([1, 2])
            }),
        ]
    }
}

#[test]
fn whatever_comes_when_nothing_is_lost_or_doubled() {
    let checker = ALL.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 1_000, "{} states", checker.unique_state_count());
}

#[rstest]
#[case::expiry(Guards { expiry: false, ..ALL }, "one worker is at work")]
#[case::held(Guards { held: false, ..ALL }, "an owner whose lease lives is not replaced")]
#[case::renewal(Guards { renewal: false, ..ALL }, "an owner whose lease lives is not replaced")]
#[case::fence(Guards { fence: false, ..ALL }, "a step is stored once, by the owner who did it")]
fn without_a_guard_it_is_found_what_goes_wrong(#[case] guards: Guards, #[case] broken: &'static str) {
    let checker = guards.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    assert!(checker.discovery(broken).is_some(), "nothing was found");
}
