//! An order that somebody watches from a command, until it has ended or they have had enough.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use awo_client::{AgentWorkOrder as Order, Client, StepHistory as Steps};
use tokio::task::JoinHandle;

use crate::cli::OnInterrupt;
use crate::commands::follow::{Audience, Machine, Nobody, Person, follow, tell};
use crate::exit::{CANCELLED, FAILED, coded};
use crate::orders::{artifacts, has_ended, print_json};
use crate::render::{Ending, Place, tail};
use crate::settings::Settings;
use crate::signals::{Signal, Signals};
use crate::terminal::{Line, first_line, note, output, say};
use crate::timing::SaveCosts;

/// How long the last news of an order that has stopped here may take to be shown.
const LAST_NEWS: Duration = Duration::from_secs(5);

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Lines,
    /// One JSON object a line.
    JsonLines,
    /// The order as it ended, as JSON.
    Json,
}

/// Who runs the order, and so what may be done about it.
#[derive(Debug)]
pub(crate) enum Runner {
    /// This process; what runs it, and what its saves cost.
    Us(Option<JoinHandle<()>>, Arc<SaveCosts>),
    /// A server.
    Server,
    /// Nobody: it is read from files that nobody has.
    Nobody,
}

/// What is to become of an order that somebody does not watch any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Cancel,
    Leave,
}

/// Follows an order that was just handed to a server.
pub(crate) async fn at_server(
    settings: &Settings,
    client: &Client,
    id: &str,
    on_interrupt: OnInterrupt,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let form = if as_json { Form::JsonLines } else { Form::Lines };
    Watch { settings, client, id, form, on_interrupt, runner: Runner::Server }.until_it_ends(signals).await
}

/// An order that is watched.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) client: &'a Client,
    pub(crate) id: &'a str,
    pub(crate) form: Form,
    pub(crate) on_interrupt: OnInterrupt,
    pub(crate) runner: Runner,
}

impl Watch<'_> {
    /// Tells of the order until it has ended; Ctrl-C cancels or leaves it. The exit code says how it ended.
    pub(crate) async fn until_it_ends(mut self, mut signals: Signals) -> anyhow::Result<ExitCode> {
        self.introduce().await?;
        let running = match &mut self.runner {
            Runner::Us(running, _) => running.take(),
            Runner::Server | Runner::Nobody => None,
        };
        let mut audience: Box<dyn Audience> = match self.form {
            Form::Lines => Box::new(Person::new()),
            Form::JsonLines => Box::new(Machine::default()),
            Form::Json => Box::new(Nobody),
        };
        let signal = tokio::select! {
            followed = follow(self.client, self.id, &mut *audience) => return self.tell(followed?).await,
            () = stopped_here(running) => {
                let id = self.id;
                let message = format!("{id} does not run any more and has not ended; see the log (--log-level info)");
                return Err(coded(FAILED, message));
            }
            () = output::gone() => return match self.runner {
                Runner::Us(..) => self.leave(&mut signals).await,
                Runner::Server | Runner::Nobody => Ok(ExitCode::SUCCESS),
            },
            signal = signals.next() => signal,
        };
        drop(audience); // what moves would be drawn into the question
        match self.wish(signal, &mut signals).await {
            Wish::Cancel => self.cancel(&mut signals).await,
            Wish::Leave => self.leave(&mut signals).await,
        }
    }

    async fn introduce(&self) -> anyhow::Result<()> {
        let answer = self.client.get_order(self.id).answer().await?;
        match self.form {
            Form::Lines => introduce(&answer.read()?),
            Form::JsonLines => tell("order", &answer.json()?),
            Form::Json => {}
        }
        Ok(())
    }

    /// Says how it ended.
    async fn tell(&self, (order, steps): (Order, Steps)) -> anyhow::Result<ExitCode> {
        match self.form {
            Form::Lines => {
                let costs = match &self.runner {
                    Runner::Us(_, costs) => Some(&**costs),
                    Runner::Server | Runner::Nobody => None,
                };
                let artifacts = artifacts(self.settings);
                conclude(&Ending { order: &order, steps: &steps, artifacts, place: self.place(), costs });
            }
            form => {
                let value = self.client.get_order(self.id).answer().await?.json()?;
                if form == Form::Json { print_json(&value) } else { tell("end", &value) }
            }
        }
        Ok(exit_code(&order))
    }

    fn place(&self) -> Place {
        match self.runner {
            Runner::Us(..) | Runner::Nobody => Place::Here,
            Runner::Server if self.settings.server.is_some() => Place::Elsewhere,
            Runner::Server => Place::Server,
        }
    }

    /// What is wished for the order. A second Ctrl-C, the end of the input and all other answers leave it.
    async fn wish(&self, signal: Signal, signals: &mut Signals) -> Wish {
        let asks = match (self.on_interrupt, &self.runner) {
            (_, Runner::Nobody) | (OnInterrupt::Leave, _) => return Wish::Leave,
            (OnInterrupt::Cancel, _) => return Wish::Cancel,
            (OnInterrupt::Ask, _) => signal == Signal::Interrupt && std::io::stdin().is_terminal(),
        };
        if !asks {
            return Wish::Leave;
        }
        output::ask(match self.runner {
            Runner::Us(..) => "awo: cancel the order, or leave it for the next start? [c/L] ",
            _ => "awo: cancel the order, or leave it to the server? [c/L] ",
        });
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line).unwrap_or_default()
        });
        tokio::select! {
            answer = answer => match answer {
                Ok(line) if line.trim().eq_ignore_ascii_case("c") => Wish::Cancel,
                _ => Wish::Leave,
            },
            _ = signals.next() => {
                note!(""); // behind the question
                Wish::Leave
            }
        }
    }

    async fn cancel(&self, signals: &mut Signals) -> anyhow::Result<ExitCode> {
        let answered = tokio::select! {
            answered = self.client.cancel_order(self.id) => answered,
            _ = signals.next() => {
                note!("awo: nobody has answered whether it is cancelled; `awo show {}` tells", tail(self.id));
                return Ok(ExitCode::from(FAILED));
            }
        };
        if let Err(error) = answered
            && error.status().is_none_or(|status| status.as_u16() != 409)
        {
            return Err(error.into()); // else it has ended meanwhile, which is told now
        }
        note!("awo: {} is to be cancelled; waiting until its agent has ended (Ctrl-C waits no longer)", self.id);
        let mut nobody = Nobody;
        tokio::select! {
            followed = follow(self.client, self.id, &mut nobody) => self.tell(followed?).await,
            _ = signals.next() => Ok(ExitCode::from(FAILED)),
        }
    }

    async fn leave(&self, signals: &mut Signals) -> anyhow::Result<ExitCode> {
        let id = self.id;
        // It may have ended while somebody thought about it.
        let seen = tokio::select! {
            seen = async { self.client.get_order(id).await } => seen.ok(),
            _ = signals.next() => None,
        };
        if let Some(order) = seen
            && has_ended(&order.status)
        {
            return self.tell(follow(self.client, id, &mut Nobody).await?).await;
        }
        match self.runner {
            Runner::Us(..) => note!(
                "awo: {id} is left as it is; the next `awo serve` on this data directory goes on with it, and \
                 `awo steps {} --watch` follows it then",
                tail(id)
            ),
            Runner::Server => note!("awo: {id} goes on without you; `awo steps {} --watch` follows it", tail(id)),
            Runner::Nobody => {}
        }
        Ok(ExitCode::from(FAILED))
    }
}

/// Ends some time after what runs the order here has ended, so that an order that ended well is shown first.
async fn stopped_here(running: Option<JoinHandle<()>>) {
    match running {
        Some(running) => {
            let _ = running.await;
            tokio::time::sleep(LAST_NEWS).await;
        }
        None => std::future::pending().await,
    }
}

/// The head of an order that is shown.
pub(crate) fn introduce(order: &Order) {
    let request = first_line(&order.user_request, 200);
    output::line(&Line::new().plain(format!("  {}   {request}", order.agent_work_order_id)));
    output::whole(&Line::new().plain(format!("  on {}", order.repository_url)));
    say!("");
}

/// Says how an order ended.
pub(crate) fn conclude(ending: &Ending<'_>) {
    say!("");
    ending.lines().iter().for_each(output::whole);
}

/// The exit code of an order that has ended.
pub(crate) fn exit_code(order: &Order) -> ExitCode {
    match order.status.as_str() {
        "completed" => ExitCode::SUCCESS,
        "cancelled" => ExitCode::from(CANCELLED),
        _ => ExitCode::from(FAILED),
    }
}
