//! The walls, faced with agents that want out: by what they do, by what they leave in a checkout, by using up the machine.
//!
//! Where walls of a kind do not work there is nothing to prove, but in a continuous integration, where
//! bubblewrap has to, and Landlock if the kernel has all of it.

mod escapes;
mod proxy;
mod traps;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{
    AllowedHosts, Author, CommandDescription, CommandDriver, GitSandboxes, Keeper, ProcessLimits, Processes,
    ProgramAgent, ProgramConfig, WallKind, WallSettings, Walls, WorkspaceSettings,
};
use awo_engine::ports::{
    AgentExecutor as _, AgentReport, AgentRequest, AgentSession, ProgressSink, Sandbox, SandboxProvider as _,
    SandboxRequest,
};
use awo_models::{AgentName, Network, OrderId, SandboxType, StepName};
use awo_testkit::repository::FixtureRepository;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");
const PRISONER: &str = env!("CARGO_BIN_EXE_prisoner");
const KEY: &str = "sk-canary-of-the-prisoner";

/// A checkout within walls, and what is outside of them.
struct Prison {
    kind: WallKind,
    place: tempfile::TempDir,
    remote: FixtureRepository,
    processes: Arc<Processes>,
    walls: Arc<Walls>,
    provider: GitSandboxes,
    /// What its agents may reach where there is the proxy.
    allowed: AllowedHosts,
}

impl Prison {
    /// `None` where there are no walls to be had.
    async fn with(kind: WallKind, remote: FixtureRepository, change: impl FnOnce(&mut WallSettings)) -> Option<Self> {
        // Not in /tmp, which is another one within bubblewrap: it would keep out who tries to get there. Nor where the tests are
        // built, which may be closed to accounts of orders.
        let place = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::copy(PRISONER, place.path().join("prisoner")).unwrap();
        // As awo's own directories are.
        fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
        let keeper = Keeper::at(HOSTILE.into());
        let mut settings = WallSettings::new(Some(keeper.clone()));
        settings.own = ["", "agents", "workspaces"].map(|name| place.path().join(name)).into();
        change(&mut settings);
        let walls = Arc::new(Walls::new(settings));
        if let Err(reason) = &walls.probe(kind).await.found {
            let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
            let must = in_ci && (kind != WallKind::Landlock || awo_testkit::has_landlock());
            assert!(!must, "no walls: {kind:?}: {reason}");
            eprintln!("skipped, as there are no walls of this kind here: {kind:?}: {reason}");
            return None;
        }
        let processes = Arc::new(Processes::of(place.path(), Some(keeper)));
        let author = Author { name: "awo".into(), email: "awo@example.org".into() };
        let (root, mirrors) = (place.path().join("workspaces"), place.path().join("mirrors"));
        let mut workspaces = WorkspaceSettings::new(root, mirrors, Arc::clone(&processes), author);
        workspaces.policy.allow_local = true;
        workspaces.walls = Arc::clone(&walls);
        let allowed = AllowedHosts::default();
        Some(Self { kind, provider: GitSandboxes::new(workspaces), allowed, place, remote, processes, walls })
    }

    async fn new(kind: WallKind) -> Option<Self> {
        Self::with(kind, FixtureRepository::new(), |_| {}).await
    }

    async fn prepare(&self) -> Arc<dyn Sandbox> {
        self.prepare_kind(SandboxType::GitBranch).await
    }

    async fn prepare_kind(&self, sandbox_type: SandboxType) -> Arc<dyn Sandbox> {
        let request = SandboxRequest {
            progress: awo_engine::ports::Progress::default(),
            order: order(),
            repository_url: self.remote.url().into(),
            sandbox_type,
            base_branch: None,
            isolation: self.kind.isolation(),
            network: Network::Host,
        };
        self.provider.prepare(&request).await.unwrap()
    }

    /// The program that tries to get out, where accounts of orders get to it.
    fn prisoner(&self) -> PathBuf {
        self.place.path().join("prisoner")
    }

    /// Has a program work in the checkout, as an agent of the order.
    async fn execute(&self, sandbox: &dyn Sandbox, program: &Path, args: &[&str], network: Network) -> AgentReport {
        let description = CommandDescription {
            name: "prisoner".into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            prompt_on_stdin: true,
            ..CommandDescription::default()
        };
        let mut config = ProgramConfig::new("prisoner", &self.place.path().join("agents"));
        config.program = program.into();
        config.allowed_hosts = self.allowed.clone();
        config.passed_env = vec![("PATH".into(), "/usr/bin:/bin".into()), ("PRISONER_KEY".into(), KEY.into())];
        let agent = ProgramAgent::new(
            Arc::new(CommandDriver::new(description).unwrap()),
            config,
            Arc::<Processes>::clone(&self.processes),
        );
        let request = AgentRequest {
            order: order(),
            step: StepName::known("implement"),
            agent_name: AgentName::known("implementor"),
            attempt: 1,
            prompt: "get out".into(),
            working_dir: sandbox.working_dir().to_owned(),
            borrowed: sandbox.borrowed(),
            repository_url: self.remote.url().into(),
            isolation: sandbox.isolation(),
            network,
            model: None,
            session: AgentSession::New(None),
            max_turns: None,
            max_cost_nanousd: None,
            timeout: Duration::from_mins(2),
            silence: None,
            progress: ProgressSink::none(),
        };
        agent.with_walls(Arc::clone(&self.walls)).execute(request, CancellationToken::new()).await
    }

    /// A directory that everybody may read and write, outside.
    fn outside(&self) -> PathBuf {
        let outside = self.place.path().join("outside");
        fs::create_dir_all(outside.join("open")).unwrap();
        fs::write(outside.join("secret"), "secret").unwrap();
        fs::write(outside.join("open/file"), "file").unwrap();
        for (path, mode) in [("open", 0o777), ("open/file", 0o666), ("secret", 0o644), (".", 0o755)] {
            fs::set_permissions(outside.join(path), Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(self.place.path(), Permissions::from_mode(0o755)).unwrap();
        outside
    }
}

fn order() -> OrderId {
    OrderId::new(1_700_000_000_000, [7; 10])
}

fn answer(report: &AgentReport) -> &str {
    report.answer.as_deref().unwrap_or_else(|failure| panic!("{failure:?}"))
}

#[rstest]
#[tokio::test]
async fn a_repository_does_not_configure_its_agents_and_keeps_what_it_has(
    #[values(WallKind::Bubblewrap, WallKind::Landlock)] kind: WallKind,
) {
    let held =
        [".claude/settings.json", ".mcp.json", ".env", ".codex/config.toml", ".gemini/settings.json", "opencode.json"];
    let files = held.map(|path| (path, "canary of the repository\n"));
    let script = "cat .claude/* .mcp.json .env .codex/* .gemini/* opencode.json 2>/dev/null; \
                  for f in .env .mcp.json; do echo changed > $f; rm -f $f; done 2>/dev/null; rm -rf .claude 2>/dev/null; \
                  echo done > work; git add -A && git commit -qam mine && git status --porcelain && echo clean";
    for trusted in [false, true] {
        let remote = FixtureRepository::new();
        remote.commit("main", "settings of agents", &files);
        let url = remote.url();
        let prison = Prison::with(kind, remote, |walls| walls.trusted.extend(trusted.then_some(url))).await;
        let Some(prison) = prison else { return };
        let sandbox = prison.prepare().await;
        let reads =
            if trusted { "cat .env; echo done > work; git add -A; git commit -qm mine; echo clean" } else { script };
        let report = prison.execute(&*sandbox, Path::new("/bin/sh"), &["-c", reads], Network::Off).await;
        assert_eq!(answer(&report).contains("canary of the repository"), trusted, "{report:?}");
        assert!(answer(&report).trim().ends_with("clean"), "{report:?}");
        let name = format!("work-{trusted}");
        let branch = sandbox.create_branch(&name).await.unwrap();
        fs::write(sandbox.working_dir().join("more"), "1").unwrap();
        assert_eq!(sandbox.commit("more").await, Ok(true));
        sandbox.push(&branch).await.unwrap();
        for path in held {
            let kept = prison.remote.file_at(&name, path);
            assert_eq!(kept.as_deref(), Some("canary of the repository\n"), "{path} is on the branch");
        }
        assert_eq!(prison.remote.file_at(&name, "work").as_deref(), Some("done\n"));
    }
}

#[rstest]
#[tokio::test]
async fn who_uses_up_what_there_is_gets_no_further_than_its_limits(
    #[values(WallKind::Bubblewrap, WallKind::Landlock)] kind: WallKind,
) {
    let limits = ProcessLimits {
        processes: Some(64),
        memory_bytes: Some(256 << 20),
        file_bytes: Some(8 << 20),
        cpu_seconds: Some(60),
    };
    let Some(prison) = Prison::with(kind, FixtureRepository::new(), |walls| walls.limits = limits).await else {
        return;
    };
    let sandbox = prison.prepare().await;
    for (trick, most) in [("forks", 64), ("hoards", 256), ("fills", 8 << 20)] {
        let report = prison.execute(&*sandbox, &prison.prisoner(), &[trick], Network::Off).await;
        let got: u64 = answer(&report).split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(got > 0 && got <= most, "{trick}: {got}");
    }
    assert_eq!(prison.processes.end_all(order()).await.unwrap(), 0, "nothing is left");
}

#[rstest]
#[tokio::test]
async fn a_checkout_that_borrows_reads_the_objects_of_the_mirror_and_writes_none(
    #[values(WallKind::Bubblewrap, WallKind::Landlock)] kind: WallKind,
) {
    let remote = FixtureRepository::new();
    remote.commit("main", "a second commit", &[("second", "2\n")]);
    let Some(prison) = Prison::with(kind, remote, |_| {}).await else { return };
    let sandbox = prison.prepare_kind(SandboxType::GitWorktree).await;
    let objects = sandbox.working_dir().join(".git/objects");
    let mirror = fs::read_to_string(objects.join("info/alternates")).unwrap();
    assert_eq!(sandbox.borrowed(), [Path::new(mirror.trim_end())]);
    assert_eq!(fs::read_dir(objects.join("pack")).map_or(0, Iterator::count), 0, "it has none of its own");
    let script = "git log -p --format=%s | grep -q 'a second commit' && git fsck --no-progress && echo read; \
                  mirror=$(cat .git/objects/info/alternates); \
                  (: > $mirror/pack/mine) 2>/dev/null && echo written; (rm -rf $mirror/pack) 2>/dev/null && echo removed; \
                  ls $mirror/.. | tr '\\n' ' '; \
                  echo more > third; git add -A && git commit -qm third && echo committed";
    let report = prison.execute(&*sandbox, Path::new("/bin/sh"), &["-c", script], Network::Off).await;
    let told: &[&str] = match kind {
        WallKind::Bubblewrap => &["read", "objects", "committed"],
        // What is around the objects is not theirs to list.
        WallKind::Landlock => &["read", "committed"],
    };
    assert_eq!(answer(&report).split_whitespace().collect::<Vec<_>>(), told, "{report:?}");
    let branch = sandbox.create_branch("work").await.unwrap();
    sandbox.push(&branch).await.unwrap();
    assert_eq!(prison.remote.file_at("work", "third").as_deref(), Some("more\n"));
}
