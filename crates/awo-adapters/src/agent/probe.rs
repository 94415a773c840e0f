//! Owns the look at an agent program that is not at work: whether it is there, which version, and whether it is logged in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_engine::ports::{AgentHealth, Login};
use tokio_util::sync::CancellationToken;

use super::ProgramAgent;
use super::driver::DriverFacts;
use super::home::{Home, proves_login};
use super::words::{clip_to, told};
use crate::process::{EndCause, Exit, Invocation, Line, Purpose, RunLimits, run};

/// Time for a program to say its version. Some need seconds, more on a busy machine.
const VERSION_TIME: Duration = Duration::from_secs(20);
/// Longest version that is shown, in characters.
const LONGEST_VERSION: usize = 100;

/// What is found of the program.
pub(super) async fn probe(agent: &ProgramAgent) -> AgentHealth {
    let facts = agent.driver.facts();
    let login = login(agent, &facts);
    let health = |program: Option<&Path>, version, problem: Option<String>, cure: Option<String>| AgentHealth {
        program: program.map(|path| path.display().to_string()),
        version,
        login,
        problem,
        cure,
    };
    let setup = || format!("{}, or set {} to where it is", facts.setup, agent.config.program_setting);
    let program = match agent.program() {
        Ok(program) => program,
        Err(missing) => return health(None, None, Some(missing.message.to_string()), Some(setup())),
    };
    match version(agent, &program).await {
        Err(reason) => {
            let problem = format!("{} does not answer --version: {reason}", program.display());
            health(Some(&program), None, Some(problem), Some(setup()))
        }
        Ok(version) if login == Login::Missing => {
            let cure = format!("{}, or set {} in awo's environment", facts.setup, facts.keys.join(" or "));
            health(Some(&program), Some(version), Some("it is not logged in".to_owned()), Some(cure))
        }
        Ok(version) => health(Some(&program), Some(version), None, None),
    }
}

fn login(agent: &ProgramAgent, facts: &DriverFacts) -> Login {
    if facts.keys.is_empty() && facts.logins.is_empty() {
        return Login::Unknown;
    }
    let has_key = facts
        .keys
        .iter()
        .any(|key| super::environment::value(&agent.config.passed_env, key).is_some_and(|value| !value.is_empty()));
    let from = agent.config.credentials_from.as_deref();
    if has_key || from.is_some_and(|home| facts.logins.iter().any(|login| proves_login(home, login))) {
        Login::Found
    } else if cfg!(target_os = "macos") {
        Login::Unknown // it may be in the keychain
    } else {
        Login::Missing
    }
}

/// The first line that the program prints for `--version`, run with the environment that it gets when it works, but
/// without a login. In words why there is none.
async fn version(agent: &ProgramAgent, program: &Path) -> Result<String, String> {
    // In the system's place for temporary files: whoever only looks makes no directories elsewhere.
    let place = tempfile::Builder::new().prefix("awo-probe-").tempdir().map_err(|error| error.to_string())?;
    let secrets = super::secrets::of_environment(&agent.config.passed_env);
    let home = Home::create(place.path().join("probe"), None, Vec::new(), secrets).await;
    let home = home.map_err(|error| error.to_string())?;
    let working_dir: PathBuf = home.path().to_owned();
    let invocation = Invocation {
        program: program.to_owned(),
        args: vec!["--version".into()],
        env: agent.environment(&home, Vec::new()),
        working_dir,
        stdin: Vec::new(),
        secrets: home.secrets().clone(),
        custody: agent.tracker.custody_of_a_look(),
        walled: false,
        purpose: Purpose::Agent,
    };
    let limits = RunLimits { wall: VERSION_TIME, ..agent.config.limits.clone() };
    let mut first = None;
    let mut on_line = |line| {
        if let (Line::Text(line), None) = (line, &first) {
            first = Some(clip_to(line.trim(), LONGEST_VERSION).to_owned()).filter(|line| !line.is_empty());
        }
    };
    let nobody_cancels = CancellationToken::new();
    // A look is over in seconds, and is not worth a record.
    let untracked = |_pid| Ok(Box::new(()) as Box<dyn Send>);
    let end = run(invocation, &limits, None, &nobody_cancels, &untracked, &mut on_line).await;
    let end = end.map_err(|error| super::chain(&error))?;
    home.remove().await;
    match (end.cause, end.exit, first) {
        (EndCause::Own, Exit::Exited(0), Some(version)) => Ok(version),
        (EndCause::Own, Exit::Exited(0), None) => Err("it prints nothing".to_owned()),
        (EndCause::Own, exit, _) => {
            let complaint = end.stderr_tail.lines().find(|line| !line.trim().is_empty());
            Err(format!(
                "it {}{}",
                told(exit),
                complaint.map_or(String::new(), |line| format!(": {}", clip_to(line, 200)))
            ))
        }
        _ => Err(format!("it did not end within {} s", VERSION_TIME.as_secs())),
    }
}
