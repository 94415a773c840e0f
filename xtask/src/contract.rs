//! `contract`: the real server held against its own description, `/openapi.json`, by requests that fit it and that do not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::remote::Remote;
use crate::repository::Repository;
use crate::server::{Server, call};
use crate::{process, python};

/// What requests are made by: the packages are pinned beside it.
const PLACE: &str = "crates/awo-testkit/python/contract";

/// The address that orders name; git takes the repository of the run instead.
const ADDRESS: &str = "https://github.com/o/r.git";

const ORDERS: &str = "/agent-work-orders";

/// Longest wait for orders that were created to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Limits would be all that is seen of a client that asks thousands of things in a minute.
const SETTINGS: &str = "auth = \"key\"\nagent = \"scripted\"\nmax_running = 2\nmax_queued = 100000\n\
    [http]\nrequests_per_minute = 10000000\nfailures_per_minute = 10000000\nmax_orders_per_key = 100000\n\
    max_streams_per_key = 200\nmax_streams_per_order = 200\n";

/// Options of `contract`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long requests are made.
    #[arg(long, default_value_t = 90)]
    seconds: u32,
    /// What the requests are chosen by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Make only those requests that are the same each time: the examples of the description, and the bounds of what it says.
    #[arg(long)]
    short: bool,
}

/// What a continuous integration asks: the same each time, so that the verdict is about the change.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    run(repository, &Arguments { seconds: 90, seed: 1, short: true })
}

/// Runs it; where Python and its packages cannot be had, that is said, and nothing is checked.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let python = match python::provide(repository, "contract")? {
        Ok(python) => python,
        Err(reason) => {
            eprintln!("SKIPPED: the server is not held against its description, because {reason}");
            return Ok(());
        }
    };
    let program = repository.program("awo", "awo", None, false)?;
    let place = tempfile::Builder::new().prefix("awo-contract-").tempdir()?;
    let service = Service::start(program, place.path())?;
    let orders = service.orders()?;
    let mut checks = Command::new(python);
    checks.current_dir(place.path()).args(["-m", "schemathesis.cli", "--no-color"]);
    checks.arg("--config-file").arg(repository.root().join(PLACE).join("schemathesis.toml"));
    checks.args(["run", &format!("http://{}/openapi.json", service.address)]);
    checks.args(["--max-time", &arguments.seconds.to_string(), "--seed", &arguments.seed.to_string()]);
    if arguments.short {
        checks.args(["--phases", "examples,coverage"]);
    }
    checks.args(["--header", &format!("Authorization: Bearer {}", service.key)]);
    checks.env("PYTHONPATH", repository.root().join(PLACE)).env("PYTHONDONTWRITEBYTECODE", "1");
    checks.env("AWO_CONTRACT_ORDERS", orders.join(" ")).env("AWO_CONTRACT_REPOSITORY", ADDRESS);
    process::run(&mut checks)?;
    service.ends_well()
}

/// A server on a fresh data directory that asks for a key.
struct Service {
    program: PathBuf,
    place: PathBuf,
    server: Server,
    address: String,
    key: String,
}

impl Service {
    fn start(program: PathBuf, place: &Path) -> Result<Self> {
        let remote = Remote::new(place)?;
        let redirect =
            format!("[[git.redirect]]\nfrom = {ADDRESS:?}\nto = {:?}\n", remote.path().display().to_string());
        std::fs::write(place.join("awo.toml"), format!("{SETTINGS}{redirect}"))?;
        let key = process::output(command(&program, place).args(["keys", "create", "--scope", "admin"]))?;
        let mut serve = command(&program, place);
        serve.args(["serve", "--bind", "127.0.0.1:0"]);
        let server = Server::start(serve, File::create(place.join("server.log"))?)?;
        let address = server.listening().with_context(|| format!("the server does not listen: {}", log(place)))?;
        Ok(Self { program, place: place.to_owned(), server, address, key: key.trim().to_owned() })
    }

    /// Orders of each status: of the ids that there are, those that are to stay.
    fn orders(&self) -> Result<Vec<String>> {
        let completed = self.create(&json!({}))?;
        let failed = self.create(&json!({"base_branch": "there-is-none"}))?;
        let cancelled = self.create(&json!({}))?;
        self.ask("POST", &format!("{ORDERS}/{cancelled}/cancel"), &json!(null), 202)?;
        for (id, status) in [(&completed, "completed"), (&failed, "failed"), (&cancelled, "cancelled")] {
            self.wait_for(id, status)?;
        }
        // One at work, and some that wait for it, when the first requests come.
        let begun = (0..4).map(|_| self.create(&json!({}))).collect::<Result<Vec<_>>>()?;
        Ok([vec![completed, failed, cancelled], begun].concat())
    }

    fn create(&self, more: &Value) -> Result<String> {
        let mut body = json!({"repository_url": ADDRESS, "user_request": "Say hello in more languages"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let order = self.ask("POST", ORDERS, &body, 201)?;
        Ok(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned())
    }

    fn wait_for(&self, id: &str, status: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let order = self.ask("GET", &format!("{ORDERS}/{id}"), &json!(null), 200)?;
            match order["status"].as_str() {
                Some(found) if found == status => return Ok(()),
                Some("completed" | "failed" | "cancelled") => bail!("{id} should be {status}: {order:#}"),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        bail!("{id} is not {status} within {} s", PATIENCE.as_secs())
    }

    fn ask(&self, method: &str, path: &str, body: &Value, expected: u16) -> Result<Value> {
        let headers = format!("content-type: application/json\r\nauthorization: Bearer {}\r\n", self.key);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = call(&self.address, &format!("{method} {path}"), &headers, &body)?;
        ensure!(status == expected, "{method} {path} was answered with {status}: {answer:#}");
        Ok(answer)
    }

    /// Whatever was asked, the server ends when it is told to, has logged no fault of its own, and what it stored is whole.
    fn ends_well(self) -> Result<()> {
        let status = self.server.terminate()?;
        ensure!(status.success(), "the server ended with {status}");
        let log = log(&self.place);
        let faults: Vec<_> = log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
        ensure!(faults.is_empty(), "the server logged faults:\n{}", faults.join("\n"));
        process::run(command(&self.program, &self.place).args(["state", "verify"]))
    }
}

/// The program with nothing of our environment.
fn command(program: &Path, place: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(place).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", place).env("AWO_DATA_DIR", place.join("data")).env("AWO_ISOLATION", "none");
    command.env("AWO_CONFIG", place.join("awo.toml"));
    command
}

fn log(place: &Path) -> String {
    std::fs::read_to_string(place.join("server.log")).unwrap_or_default()
}
