//! Where a long run happens: a directory with a repository, an agent, a data directory and, if asked for, a database.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::postgres::{self, Cluster, Options};
use crate::process;
use crate::remote::Remote;
use crate::repository::Repository;
use crate::server::Server;

/// Where orders are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum State {
    /// Journals in the data directory.
    #[default]
    File,
    /// A PostgreSQL server that is started for this.
    Postgres,
}

/// Ended orders that are kept, so that what is stored does not grow. Others are deleted every minute.
const KEPT: usize = 40;

/// A place. It goes with this value, unless it is kept.
#[derive(Debug)]
pub(super) struct Place {
    program: PathBuf,
    path: PathBuf,
    remote: Remote,
    cluster: Option<Cluster>,
    directory: tempfile::TempDir,
}

impl Place {
    /// Builds the programs and makes a place.
    pub(super) fn new(repository: &Repository, state: State, release: bool) -> Result<Self> {
        let program = repository.program("awo", "awo", None, release)?;
        let cluster = match state {
            State::File => None,
            State::Postgres => match postgres::missing()? {
                Some(reason) => bail!("soak: {reason}"),
                None => Some(Cluster::start(repository, &Options { durable: true, ..Options::default() })?),
            },
        };
        let directory = tempfile::Builder::new().prefix("awo-soaking-").tempdir()?;
        let path = directory.path().canonicalize()?;
        let agent = repository.root().join("crates/awo-testkit/programs/soaking-agent.sh");
        fs::create_dir(path.join("home"))?;
        fs::create_dir(path.join("agent"))?;
        symlink(agent, path.join("agent/claude"))?;
        // A client that comes back is a client that asks often.
        let settings = format!(
            "max_running = 4\n[http]\nrequests_per_minute = 10000000\n[retention]\nmax_orders = {KEPT}\nevery_minutes = 1\n"
        );
        fs::write(path.join("awo.toml"), settings)?;
        let remote = Remote::new(&path)?;
        Ok(Self { program, path, remote, cluster, directory })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Starts the server.
    pub(super) fn serve(&self) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--skip-permissions", "--bind", "127.0.0.1:0"]).current_dir(&self.path).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path.join("home"));
        command.env("LC_ALL", "C.UTF-8").env("AWO_DATA_DIR", self.data()).env("AWO_CONFIG", self.path.join("awo.toml"));
        command.env("AWO_ISOLATION", "none").env("CLAUDE_CLI_PATH", self.path.join("agent/claude"));
        if let Some(cluster) = &self.cluster {
            command.env("AWO_STATE", "postgres").env("AWO_DATABASE_URL", cluster.url());
        }
        command.stdin(Stdio::null());
        Server::start(command, File::options().create(true).append(true).open(self.log())?)
    }

    /// What the server logs.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// Lets the agent plan what it could not plan before.
    pub(super) fn mend(&self, name: &str) -> Result<()> {
        Ok(fs::write(self.path.join("agent").join(format!("mended-{name}")), "")?)
    }

    /// Forgets that.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        Ok(fs::remove_file(self.path.join("agent").join(format!("mended-{name}")))?)
    }

    /// Bytes of the database; 0 without one.
    pub(super) fn database_size(&self) -> Result<f64> {
        let Some(cluster) = &self.cluster else { return Ok(0.0) };
        let mut ask = Command::new("psql");
        ask.args([cluster.url(), "--no-psqlrc", "--tuples-only", "--no-align", "--command"]);
        let size = process::output(ask.arg("SELECT pg_database_size(current_database())"))?;
        size.trim().parse().with_context(|| format!("the size of the database is {size:?}"))
    }

    /// Keeps the directory for who looks at it.
    pub(super) fn keep(self) -> PathBuf {
        self.directory.keep()
    }
}
