//! A request for a new order, and what makes it one that can be run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    Idempotency, Isolation, Limits, Network, OrderLimits, OrderSpec, RetryPolicy, SandboxType, StepDefinition,
    StepName, WorkflowType,
};

use crate::engine::Engine;
use crate::error::FieldError;
use crate::workflows::{OPTIONAL_STEPS, built_in, selected};

/// Longest request, in bytes.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// Labels that an order may ask for.
const MAX_LABELS: usize = 16;
/// Priorities that an order may have.
pub const PRIORITIES: std::ops::RangeInclusive<i16> = -100..=100;
/// What a label is.
pub const LABEL_RULE: &str = "use 1 to 63 letters, digits, `-`, `_`, `.`";
/// Most attempts that a step may be given.
pub const MAX_ATTEMPTS: u32 = 10;

/// What somebody asks for. [`NewOrder::new`] fills in the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Address of the repository.
    pub repository_url: String,
    /// What is wanted, in a person's words.
    pub user_request: String,
    /// Kind of checkout.
    pub sandbox_type: SandboxType,
    /// Built-in workflow; `None` together with no commands means `agent_workflow_plan`.
    pub workflow_type: Option<WorkflowType>,
    /// Commands instead of a workflow.
    pub selected_commands: Option<Vec<StepName>>,
    /// Optional steps of the workflow that are wanted.
    pub optional_steps: Vec<StepName>,
    /// Issue that the request is about.
    pub github_issue_number: Option<String>,
    /// Agent program; `None` means the engine's default.
    pub agent: Option<String>,
    /// Model for it.
    pub model: Option<String>,
    /// Walls.
    pub isolation: Isolation,
    /// Network.
    pub network: Network,
    /// Branch to start from.
    pub base_branch: Option<String>,
    /// Turns of an agent in one step.
    pub max_turns: Option<u32>,
    /// Cost of one step in billionths of a US dollar.
    pub max_cost_nanousd: Option<u64>,
    /// Wall time of one step.
    pub step_timeout: Option<Duration>,
    /// Longest time an agent may give no sign of life.
    pub silence_timeout: Option<Duration>,
    /// Attempts of each step.
    pub max_attempts: Option<u32>,
    /// Limits of the order as a whole.
    pub order_limits: OrderLimits,
    /// Whether it is queued at once; otherwise it is held until [`WorkOrders::start`](crate::WorkOrders::start).
    pub start: bool,
    /// Labels that a worker must have to run it.
    pub labels: Vec<String>,
    /// Orders of a higher one begin first, where several workers share the orders.
    pub priority: i16,
    /// Who asks.
    pub requested_by: Option<String>,
    /// Key against doubled requests.
    pub idempotency: Option<Idempotency>,
}

impl NewOrder {
    /// A request with the defaults in everything else.
    pub fn new(repository_url: impl Into<String>, user_request: impl Into<String>) -> Self {
        Self {
            repository_url: repository_url.into(),
            user_request: user_request.into(),
            sandbox_type: SandboxType::GitWorktree,
            workflow_type: None,
            selected_commands: None,
            optional_steps: Vec::new(),
            github_issue_number: None,
            agent: None,
            model: None,
            isolation: Isolation::Auto,
            network: Network::Auto,
            base_branch: None,
            max_turns: None,
            max_cost_nanousd: None,
            step_timeout: None,
            silence_timeout: None,
            max_attempts: None,
            order_limits: OrderLimits::default(),
            start: true,
            labels: Vec::new(),
            priority: 0,
            requested_by: None,
            idempotency: None,
        }
    }

    /// Makes the specification of an order of it, or names everything that is in the way.
    pub(crate) fn specify(self, engine: &Engine) -> Result<OrderSpec, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut problem = |field: &'static str, message: String| errors.push(FieldError { field, message });

        if self.repository_url.trim().is_empty() {
            problem("repository_url", "is empty; give the address of a repository".into());
        } else if let Err(reason) = engine.sandboxes.check_address(&self.repository_url) {
            problem("repository_url", reason);
        }
        if self.user_request.trim().is_empty() {
            problem("user_request", "is empty; say what is wanted".into());
        } else if self.user_request.len() > MAX_REQUEST_BYTES {
            problem(
                "user_request",
                format!("has {} bytes; at most {MAX_REQUEST_BYTES} are read", self.user_request.len()),
            );
        }
        if let Some(number) = &self.github_issue_number
            && !((1..=12).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()))
        {
            problem("github_issue_number", format!("{number:?} is not the number of an issue"));
        }
        if let Some(branch) = &self.base_branch
            && !is_branch_name(branch)
        {
            problem("base_branch", format!("{branch:?} is not the name of a branch"));
        }
        if let Some(model) = &self.model
            && (model.is_empty() || model.len() > 200 || model.starts_with('-') || model.chars().any(char::is_control))
        {
            problem("model", format!("{model:?} is not the name of a model"));
        }
        if self.max_turns == Some(0) {
            problem("limits.max_turns", "is 0; an agent needs at least one turn".into());
        }
        if self.step_timeout.is_some_and(|limit| limit.is_zero() || limit > Duration::from_hours(24)) {
            problem("limits.step_timeout_seconds", "must be more than 0 and at most 86400".into());
        }
        if self.silence_timeout.is_some_and(|limit| limit.is_zero() || limit > Duration::from_hours(24)) {
            problem("limits.silence_timeout_seconds", "must be more than 0 and at most 86400".into());
        }
        if self.max_attempts.is_some_and(|attempts| !(1..=MAX_ATTEMPTS).contains(&attempts)) {
            problem("limits.max_attempts", format!("must be 1 to {MAX_ATTEMPTS}"));
        }
        check_order_limits(&self.order_limits, &mut problem);
        let labels = known_labels(&self.labels).map_err(|reason| problem("labels", reason)).unwrap_or_default();
        if !PRIORITIES.contains(&self.priority) {
            problem("priority", format!("must be {} to {}", PRIORITIES.start(), PRIORITIES.end()));
        }
        let agent = choose_agent(self.agent.as_deref(), engine).map_err(|reason| problem("agent", reason)).ok();
        let mut workflow = self.workflow().map_err(|e| problem(e.field, e.message)).unwrap_or_default();
        for definition in &mut workflow {
            let settings = &engine.settings;
            let usual = settings.attempts.get(&definition.step).copied().unwrap_or(settings.retry.max_attempts);
            definition.retry =
                RetryPolicy { max_attempts: self.max_attempts.unwrap_or(usual).max(1), ..settings.retry.clone() };
        }
        if self.agent.is_none()
            && let Err(reason) = assign_agents(&mut workflow, engine)
        {
            problem("agent", reason);
        }

        let (Some(agent), true) = (agent, errors.is_empty()) else {
            return Err(errors);
        };
        let workflow_type = if self.selected_commands.is_some() {
            None
        } else {
            Some(self.workflow_type.unwrap_or(WorkflowType::AgentWorkflowPlan))
        };
        Ok(OrderSpec {
            repository_url: self.repository_url.into(),
            user_request: self.user_request.into(),
            github_issue_number: self.github_issue_number.map(Arc::from),
            sandbox_type: self.sandbox_type,
            workflow_type,
            selected_commands: self.selected_commands,
            workflow,
            agent: agent.into(),
            model: self.model.map(Arc::from),
            isolation: self.isolation,
            network: self.network,
            base_branch: self.base_branch.map(Arc::from),
            limits: Limits {
                max_turns: self.max_turns,
                max_cost_nanousd: self.max_cost_nanousd,
                step_timeout: self.step_timeout.unwrap_or(engine.settings.step_timeout),
                silence_timeout: self.silence_timeout,
                order: self.order_limits,
            },
            labels,
            priority: self.priority,
            requested_by: self.requested_by.map(Arc::from),
            idempotency: self.idempotency,
        })
    }

    /// The steps to run.
    fn workflow(&self) -> Result<Vec<StepDefinition>, FieldError> {
        let Some(commands) = &self.selected_commands else {
            if let Some(unknown) = self.optional_steps.iter().find(|step| !OPTIONAL_STEPS.contains(&step.as_str())) {
                let message = format!("{unknown} is not an optional step; there are {}", OPTIONAL_STEPS.join(" and "));
                return Err(FieldError { field: "optional_steps", message });
            }
            return Ok(built_in(self.workflow_type.unwrap_or(WorkflowType::AgentWorkflowPlan), &self.optional_steps));
        };
        let refused = |message: String| FieldError { field: "selected_commands", message };
        if self.workflow_type.is_some() {
            return Err(refused("cannot be given together with workflow_type; leave one of them out".into()));
        }
        if !self.optional_steps.is_empty() {
            let message = "belong to a workflow; select prp-review instead".into();
            return Err(FieldError { field: "optional_steps", message });
        }
        selected(commands).map_err(refused)
    }
}

fn choose_agent(asked: Option<&str>, engine: &Engine) -> Result<String, String> {
    let names = || engine.agents.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let name = asked.or(engine.settings.default_agent.as_deref()).or(match engine.agents.len() {
        1 => engine.agents.keys().next().map(String::as_str),
        _ => None,
    });
    match name {
        Some(name) if engine.agents.contains_key(name) => Ok(name.to_owned()),
        Some(name) => Err(format!("{name:?} is not an agent of this server; there are {}", names())),
        None => Err(format!("is missing, and this server has no default; there are {}", names())),
    }
}

/// Gives steps the agents that they have here.
fn assign_agents(workflow: &mut [StepDefinition], engine: &Engine) -> Result<(), String> {
    for definition in workflow {
        let Some(name) = engine.settings.step_agents.get(definition.step.as_str()) else {
            continue;
        };
        if !engine.agents.contains_key(name) {
            return Err(format!("is {name:?} for step `{}`, which is not an agent of this server", definition.step));
        }
        definition.agent = Some(name.as_str().into());
    }
    Ok(())
}

/// What is wrong with the limits of an order as a whole.
fn check_order_limits(limits: &OrderLimits, problem: &mut impl FnMut(&'static str, String)) {
    let OrderLimits { max_turns, max_tokens, max_cost_nanousd, timeout } = limits;
    if *max_turns == Some(0) {
        problem("limits.order.max_turns", "is 0; an agent needs at least one turn".into());
    }
    if *max_tokens == Some(0) {
        problem("limits.order.max_tokens", "is 0; an agent needs tokens".into());
    }
    if *max_cost_nanousd == Some(0) {
        problem("limits.order.max_cost_usd", "is less than a billionth of a dollar".into());
    }
    if timeout.is_some_and(|limit| limit.is_zero() || limit > Duration::from_hours(24 * 30)) {
        problem("limits.order.timeout_seconds", "must be more than 0 and at most 2592000".into());
    }
}

/// The labels, each once; or what is wrong with them.
fn known_labels(asked: &[String]) -> Result<Vec<Arc<str>>, String> {
    let labels: BTreeSet<_> = asked.iter().map(String::as_str).collect();
    if let Some(label) = labels.iter().find(|label| !is_label(label)) {
        return Err(format!("{label:?} is not a label: {LABEL_RULE}"));
    }
    if labels.len() > MAX_LABELS {
        return Err(format!("has {} labels; an order may ask for {MAX_LABELS}", labels.len()));
    }
    Ok(labels.into_iter().map(Arc::from).collect())
}

/// Whether a text is a label, of an order or of a worker.
pub fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// A cautious subset of what git allows; the checkout checks again.
fn is_branch_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.to_ascii_lowercase().ends_with(".lock")
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '+' | '#' | '@'))
}
