//! A program of the operator that is told of orders: started for each notice, without a shell, with the notice as its input.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::Recipient;
use awo_models::{Failure, FailureCode, Notice, NoticeKind, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Wanted;
use crate::agent::{chain, clip_to, told};
use crate::process::{EndCause, Exit, Invocation, ProcessTracker, Purpose, RunLimits, run};

/// Bytes that it may write; they are not kept.
const MOST_OUTPUT: u64 = 1 << 20;
/// Time to end when it is told to, and again before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// Characters of what it complains of that are told.
const SHOWN: usize = 200;

/// How a program is told.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// The program, as an absolute path: see [`find_program`](crate::find_program).
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment, but for what tells it of the notice.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// Time it may take.
    pub time: Duration,
    /// What it is told of.
    pub wanted: Wanted,
}

/// Tells a program, which has taken a notice when it ends with code 0.
#[derive(Debug)]
pub struct CommandRecipient {
    name: String,
    settings: CommandSettings,
    tracker: Arc<dyn ProcessTracker>,
}

impl CommandRecipient {
    /// A program, under a name.
    pub fn new(name: &str, settings: CommandSettings, tracker: Arc<dyn ProcessTracker>) -> Self {
        Self { name: name.to_owned(), settings, tracker }
    }

    fn invocation(&self, notice: &Notice) -> Result<Invocation, Failure> {
        let stdin = serde_json::to_vec(notice)
            .map_err(|error| Failure::new(FailureCode::Internal, format!("a notice is no JSON: {error}")))?;
        let mut env: BTreeMap<OsString, OsString> = self.settings.environment.iter().cloned().collect();
        env.insert("AWO_NOTICE_ID".into(), notice.id.clone().into());
        env.insert("AWO_NOTICE_TYPE".into(), notice.kind.as_str().into());
        if let Some(data) = &notice.data {
            env.insert("AWO_ORDER_ID".into(), data.agent_work_order_id.to_string().into());
        }
        Ok(Invocation {
            program: self.settings.program.clone(),
            args: self.settings.args.clone(),
            env,
            working_dir: self.settings.working_dir.clone(),
            stdin,
            secrets: crate::Secrets::default(),
            custody: self.tracker.custody_of_a_look(),
            walled: false,
            purpose: Purpose::Notice,
        })
    }
}

#[async_trait]
impl Recipient for CommandRecipient {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, kind: NoticeKind) -> bool {
        self.settings.wanted.has(kind)
    }

    async fn tell(&self, notice: &Notice, _now: Timestamp) -> Result<(), Failure> {
        let limits = RunLimits {
            wall: self.settings.time,
            interrupt_grace: GRACE,
            terminate_grace: GRACE,
            max_output: MOST_OUTPUT,
            ..RunLimits::default()
        };
        let program = self.settings.program.display();
        let failed = |why: String| Failure::new(FailureCode::Internal, format!("{program} {why}"));
        let nobody_cancels = CancellationToken::new();
        // It is over soon, and its keeper sees to its end.
        let untracked = |_pid| Ok(Box::new(()) as Box<dyn Send>);
        let invocation = self.invocation(notice)?;
        let ran = run(invocation, &limits, None, &nobody_cancels, &untracked, &mut |_| {}).await;
        let end = ran.map_err(|error| failed(format!("was not run: {}", chain(&error))))?;
        match (end.cause, end.exit) {
            (EndCause::Own, Exit::Exited(0)) => Ok(()),
            (EndCause::Own, exit) => {
                let complaint = end.stderr_tail.lines().find(|line| !line.trim().is_empty());
                let complaint = complaint.map_or(String::new(), |line| format!(": {}", clip_to(line.trim(), SHOWN)));
                Err(failed(format!("{}{complaint}", told(exit))))
            }
            (EndCause::OutputLimit, _) => Err(failed(format!("wrote more than {MOST_OUTPUT} bytes"))),
            _ => Err(failed(format!("did not end within {} s", self.settings.time.as_secs()))),
        }
    }
}
