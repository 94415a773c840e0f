//! An agent inside the process that plays what the test says.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{
    AgentCapabilities, AgentExecutor, AgentHealth, AgentProgress, AgentReport, AgentRequest, AgentSession,
};
use awo_models::{Failure, FailureCode, OrderId, Timestamp, Usage};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{FakeSandboxes, Timeline};

/// What the agent does in one execution.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// Files it writes.
    pub writes: Vec<(String, String)>,
    /// What it answers, or how it fails; `None` means what is right for the step.
    pub answer: Option<Result<String, Failure>>,
    /// Whether it panics.
    pub panics: bool,
    /// Whether it works until it is cancelled.
    pub hangs: bool,
    /// Whether it works until it is cancelled, and then answers as if nothing had happened.
    pub answers_when_stopped: bool,
    /// What it says at the end that it used.
    pub usage: Option<Usage>,
    /// What it says at the beginning that it has used.
    pub used_so_far: Option<Usage>,
    /// How long it works, by the time of the runtime.
    pub takes: Duration,
    /// What it tells before it does anything.
    pub tells: Vec<AgentProgress>,
    /// What it tells after that, once it is let.
    pub then_tells: Option<(Arc<Semaphore>, Vec<AgentProgress>)>,
}

impl Play {
    /// Answers this.
    pub fn answers(text: &str) -> Self {
        Self { answer: Some(Ok(text.into())), ..Self::default() }
    }

    /// Fails like this.
    pub fn fails(code: FailureCode) -> Self {
        Self { answer: Some(Err(Failure::new(code, "the play says so"))), ..Self::default() }
    }

    /// Is told by its service to wait, perhaps until when.
    pub fn is_limited(until: Option<Timestamp>) -> Self {
        let failure = Failure { until, ..Failure::new(FailureCode::AgentRateLimited, "429: too many requests") };
        Self { answer: Some(Err(failure)), ..Self::default() }
    }

    /// Works until it is cancelled.
    pub fn hangs() -> Self {
        Self { hangs: true, ..Self::default() }
    }

    /// Panics.
    pub fn panics() -> Self {
        Self { panics: true, ..Self::default() }
    }
}

/// Plays what was put up for a step, in order; without that, what is right for the step.
#[derive(Debug)]
pub struct FakeAgent {
    timeline: Timeline,
    sandboxes: Arc<FakeSandboxes>,
    plays: Mutex<HashMap<String, VecDeque<Play>>>,
    gate: Option<Arc<Semaphore>>,
    capabilities: Mutex<AgentCapabilities>,
    sessions_lost: AtomicBool,
    /// What it was asked, in order.
    pub requests: Mutex<Vec<AgentRequest>>,
    /// Orders whose sessions it was told to forget.
    pub forgotten: Mutex<Vec<OrderId>>,
}

impl FakeAgent {
    pub(crate) fn new(timeline: Timeline, sandboxes: Arc<FakeSandboxes>, gate: Option<Arc<Semaphore>>) -> Self {
        let all = AgentCapabilities { chooses_session: true, resumes: true, reports_cost: true };
        Self {
            timeline,
            sandboxes,
            plays: Mutex::default(),
            gate,
            capabilities: Mutex::new(all),
            sessions_lost: AtomicBool::default(),
            requests: Mutex::default(),
            forgotten: Mutex::default(),
        }
    }

    /// Sets what it can do. At first it can do everything.
    pub fn can(&self, capabilities: AgentCapabilities) {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner) = capabilities;
    }

    /// Puts a play up for the next execution of a step that has none yet.
    pub fn put(&self, step: &str, play: Play) {
        let mut plays = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        plays.entry(step.to_owned()).or_default().push_back(play);
    }

    /// Loses all sessions: none can go on any more.
    pub fn lose_sessions(&self) {
        self.sessions_lost.store(true, Ordering::Relaxed);
    }

    fn next(&self, step: &str) -> Play {
        let mut plays = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        plays.get_mut(step).and_then(VecDeque::pop_front).unwrap_or_default()
    }
}

/// What is right for a step of the built-in workflows: files, and an answer.
pub fn right(step: &str) -> (Vec<(&'static str, &'static str)>, &'static str) {
    match step {
        "classify" => (vec![], "/feature"),
        "plan" | "planning" => (vec![("specs/plan.md", "# Plan\n")], "I wrote specs/plan.md"),
        "find_plan" => (vec![], "specs/plan.md"),
        "generate_branch" | "create-branch" => (vec![], "add-greeting"),
        "implement" | "execute" => (vec![("src/greeting.txt", "Good day\n")], "Implementation complete"),
        "commit" => (vec![], "feat: add greeting"),
        "create_pr" | "create-pr" => (vec![], "Add greeting\n\nIt greets."),
        "prompt-1" => (vec![("src/more.txt", "More\n")], "There is more now.\n\ncommit: feat: add more"),
        "prompt-2" => (vec![("src/still-more.txt", "Still more\n")], "There is still more now."),
        _ => (vec![], "looks good"),
    }
}

#[async_trait]
impl AgentExecutor for FakeAgent {
    fn capabilities(&self) -> AgentCapabilities {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn probe(&self) -> AgentHealth {
        AgentHealth::built_in()
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let step = request.step.to_string();
        self.timeline.note(format!("agent: {step}"));
        let (order, session_id, progress) = (request.order, request.session.id().cloned(), request.progress.clone());
        let lost = matches!(request.session, AgentSession::Resumed(_)) && self.sessions_lost.load(Ordering::Relaxed);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        if let Some(gate) = &self.gate {
            tokio::select! {
                opened = gate.acquire() => opened.expect("the gate stays").forget(),
                () = cancel.cancelled() => return stopped(),
            }
        }
        if lost {
            return AgentReport::failed(Failure::new(FailureCode::AgentNoResult, "there is no such session"));
        }
        let play = self.next(&step);
        assert!(!play.panics, "the play panics");
        for told in &play.tells {
            progress.tell(told.clone());
        }
        if let Some((gate, tells)) = play.then_tells {
            gate.acquire().await.expect("the gate stays").forget();
            for told in tells {
                progress.tell(told);
            }
        }
        for (path, content) in &play.writes {
            self.sandboxes.write(order, path, content);
        }
        if let Some(used) = play.used_so_far {
            progress.tell(AgentProgress::Used(used));
        }
        if !play.takes.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(play.takes) => {}
                () = cancel.cancelled() => return stopped(),
            }
        }
        if play.hangs {
            cancel.cancelled().await;
            return stopped();
        }
        if play.answers_when_stopped {
            cancel.cancelled().await;
        }
        let (files, answer) = right(&step);
        let right_files = files.into_iter().filter(|_| play.answer.is_none());
        for (path, content) in right_files {
            self.sandboxes.write(order, path, content);
        }
        let answer = play.answer.unwrap_or_else(|| Ok(answer.to_owned())).map(Arc::from);
        AgentReport { answer, session_id, usage: play.usage, files: Vec::new(), warnings: Vec::new() }
    }

    async fn forget(&self, order: OrderId) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(order);
    }
}

fn stopped() -> AgentReport {
    AgentReport::failed(Failure::new(FailureCode::Cancelled, "stopped"))
}
