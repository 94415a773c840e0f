//! Walls around the programs of orders: which there are, which work here, and how a program is started within them.
//!
//! *Invariant*: whatever an agent can have changed is run within the order's walls, git too; and an order that began within
//! walls never goes on without them.
//! *Not promised*: a kernel with a hole in it. And nothing under `none`.

mod account;
mod bubblewrap;
#[cfg(target_os = "linux")]
mod check;
mod choosing;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod forwarder;
mod held_back;
#[cfg(target_os = "linux")]
mod inside;
mod kind;
mod landlock;
mod limits;
mod places;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_models::{Isolation, Network};
use tokio::sync::OnceCell;

pub(crate) use account::Account;
#[cfg(target_os = "linux")]
pub(crate) use forwarder::forward;
pub(crate) use held_back::{HELD_BACK, SetAside, held_back, put_back};
#[cfg(target_os = "linux")]
pub(crate) use inside::enter;
pub use kind::WallKind;

pub(crate) use landlock::MODE as LANDLOCK_MODE;
#[cfg(target_os = "linux")]
pub(crate) use landlock::enter as enter_landlock;
pub use limits::ProcessLimits;

use crate::Keeper;

/// First argument of the first program within bubblewrap. The number changes with what the others mean.
pub(crate) const MODE: &str = "awo-inside/2";

/// First argument of what forwards connections to awo's proxy, within.
pub(crate) const FORWARD: &str = "awo-forward/1";

/// Where programs find awo's proxy, within: a port of their own loopback.
pub(crate) const PROXY: &str = "127.0.0.1:3128";

/// What walls are made with.
#[derive(Debug, Clone)]
pub struct WallSettings {
    /// The program `bwrap`: a name looked up in `search_path`, or a path.
    pub bubblewrap: PathBuf,
    /// `PATH` of the programs within; what lies in its directories can be run there.
    pub search_path: OsString,
    /// What sees to the end of what is started, and is the first program within the walls. Without it there are no walls.
    pub keeper: Option<Keeper>,
    /// What an order that leaves it to awo gets; `Auto` is bubblewrap where it works, else none.
    pub preferred: Isolation,
    /// Whether orders are refused that would run without walls.
    pub required: bool,
    /// What of the network an order gets that leaves it to awo; `Auto` is awo's proxy within bubblewrap, and the machine's
    /// own elsewhere.
    pub preferred_network: Network,
    /// Why awo's own proxy would lead nowhere here, so that `Auto` is not the proxy.
    pub no_way_out: Option<Arc<str>>,
    /// Further files and directories that programs may read.
    pub readable: Vec<PathBuf>,
    /// Directories that stay out of sight, wherever they are.
    pub hidden: Vec<PathBuf>,
    /// Directories of awo's own. Within Landlock, accounts of orders may pass them on the way to what is theirs.
    pub own: Vec<PathBuf>,
    /// Addresses of repositories whose own settings of agents are used; one that ends with `*` stands for all that begin
    /// so.
    pub trusted: Vec<String>,
    /// What a process may use.
    pub limits: ProcessLimits,
}

impl WallSettings {
    /// Settings with the defaults: walls of bubblewrap where they work, and none where they do not.
    pub fn new(keeper: Option<Keeper>) -> Self {
        Self {
            bubblewrap: "bwrap".into(),
            search_path: "/usr/local/bin:/usr/bin:/bin".into(),
            keeper,
            preferred: Isolation::Auto,
            required: false,
            preferred_network: Network::Auto,
            no_way_out: None,
            readable: Vec::new(),
            hidden: Vec::new(),
            own: Vec::new(),
            trusted: Vec::new(),
            limits: ProcessLimits::default(),
        }
    }
}

/// The walls of this machine.
#[derive(Debug)]
pub struct Walls {
    settings: WallSettings,
    bubblewrap: OnceCell<Probe>,
    landlock: OnceCell<Probe>,
}

/// Whether walls of one kind work here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What was found, if they work.
    pub found: Result<String, String>,
    /// How they are had, if they do not.
    pub cure: &'static str,
}

/// The walls that an order gets, and what of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// What the walls are.
    pub isolation: Isolation,
    /// Why they are not what was asked for, or not there.
    pub why: Option<Arc<str>>,
    /// What of the network it has; never `Auto`.
    pub network: Network,
    /// Why that is not the narrowest with which agents can work.
    pub network_why: Option<Arc<str>>,
}

/// What programs in a room reach of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing.
    Nothing,
    /// What listens at this socket.
    Proxy(PathBuf),
    /// All that the machine reaches.
    Everything,
}

/// What the programs of an order may reach.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// What walls it has.
    pub(crate) kind: WallKind,
    /// Who they are, where that is not whoever runs awo.
    pub(crate) account: Option<Account>,
    /// Directories that they may write.
    pub(crate) writable: Vec<PathBuf>,
    /// Files and directories beside those of the system that they may read.
    pub(crate) readable: Vec<PathBuf>,
    /// Directories that they may read although they lie where nothing else is seen.
    pub(crate) borrowed: Vec<PathBuf>,
    /// What is seen at other places than its own: what, and where. There is no such thing within Landlock.
    pub(crate) seen_as: Vec<(PathBuf, PathBuf)>,
    /// What of the writable directories is out of reach: what is seen instead, and where. Nothing within Landlock.
    pub(crate) covered: Vec<(PathBuf, PathBuf)>,
    /// What of the network they reach.
    pub(crate) reach: Reach,
}

/// A program as it is really started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Walls {
    /// Walls with the given settings. Looks for nothing yet.
    pub fn new(settings: WallSettings) -> Self {
        let bubblewrap = crate::find_program(&settings.bubblewrap, Some(&settings.search_path));
        let settings = WallSettings { bubblewrap: bubblewrap.unwrap_or(settings.bubblewrap), ..settings };
        Self { settings, bubblewrap: OnceCell::new(), landlock: OnceCell::new() }
    }

    /// No walls, for tests and for programs that want none.
    pub fn none() -> Self {
        Self::new(WallSettings { preferred: Isolation::None, ..WallSettings::new(None) })
    }

    /// Whether walls of a kind work here: a program is run within them and tries them. Done once.
    pub async fn probe(&self, kind: WallKind) -> &Probe {
        let probed = match kind {
            WallKind::Bubblewrap => &self.bubblewrap,
            WallKind::Landlock => &self.landlock,
        };
        probed.get_or_init(|| self.try_out(kind)).await
    }

    /// Lets those who work in a room get to what they may use of awo's own directories.
    pub(crate) fn open_way(&self, room: &Room) -> io::Result<()> {
        match (room.kind, room.account) {
            (WallKind::Landlock, Some(_)) => {
                let mut places = room.writable.iter().chain(&room.borrowed);
                places.try_for_each(|place| account::let_pass(place, &self.settings.own))
            }
            _ => Ok(()),
        }
    }

    /// Whether the settings of agents that a repository brings along may be used.
    pub(crate) fn trusts(&self, repository: &str) -> bool {
        self.settings.trusted.iter().any(|trusted| match trusted.strip_suffix('*') {
            Some(beginning) => repository.starts_with(beginning),
            None => repository == trusted,
        })
    }

    /// How a program is started in a room. Its environment stays as it is, and is all that can be read of it in there.
    pub(crate) fn launch(&self, room: &Room, program: &Path, args: Vec<OsString>, working_dir: &Path) -> Launch {
        let mut launch = match room.kind {
            WallKind::Bubblewrap => bubblewrap::launch(&self.settings, room, program, working_dir),
            WallKind::Landlock => landlock::launch(&self.settings, room, program),
        };
        launch.args.extend(args);
        launch
    }

    #[cfg(target_os = "linux")]
    async fn try_out(&self, kind: WallKind) -> Probe {
        check::probe(self, kind).await
    }

    #[cfg(not(target_os = "linux"))]
    async fn try_out(&self, _: WallKind) -> Probe {
        let found = Err("it is for Linux only".to_owned());
        std::future::ready(Probe { found, cure: "run awo in a container or virtual machine" }).await
    }
}

/// A variable that names a file or directory that its program reads.
pub(crate) fn named_by(env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> Vec<PathBuf> {
    const NAMES: [&str; 3] = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let named = env.into_iter().filter(|(name, _)| NAMES.iter().any(|known| name.as_ref() == *known));
    named.map(|(_, path)| PathBuf::from(path.as_ref())).filter(|path| path.is_absolute()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_trusted_by_its_whole_address_or_its_beginning() {
        let trusted = vec!["https://git.example/one".to_owned(), "https://git.example/mine/*".to_owned()];
        let walls = Walls::new(WallSettings { trusted, ..WallSettings::new(None) });
        for (address, expected) in [
            ("https://git.example/one", true),
            ("https://git.example/one-more", false),
            ("https://git.example/mine/any", true),
            ("https://git.example.evil/mine/any", false),
        ] {
            assert_eq!(walls.trusts(address), expected, "{address}");
        }
    }

    /// Owners are changed, which only the superuser does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_way_is_opened_to_what_is_written_and_borrowed_where_others_have_no_view_of_their_own() {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt as _;
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: opening a way for accounts is only done by the superuser");
            return;
        }
        let way = |kind, account| {
            let own = tempfile::tempdir().unwrap();
            let directories = ["checkout", "mirror", "certificates"].map(|name| own.path().join(name));
            for directory in &directories {
                fs::create_dir(directory).unwrap();
                fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
            }
            let [written, borrowed, read] = &directories;
            let room = Room {
                kind,
                account,
                writable: vec![written.join("repo")],
                readable: vec![read.join("one.pem")],
                borrowed: vec![borrowed.join("objects")],
                seen_as: Vec::new(),
                covered: Vec::new(),
                reach: Reach::Nothing,
            };
            let settings = WallSettings { own: vec![own.path().to_owned()], ..WallSettings::new(None) };
            Walls::new(settings).open_way(&room).unwrap();
            directories.map(|directory| fs::metadata(directory).unwrap().permissions().mode() & 0o777)
        };
        let someone = Some(Account(1_700_000_000));
        assert_eq!(way(WallKind::Landlock, someone), [0o710, 0o710, 0o700]);
        assert_eq!(way(WallKind::Landlock, None), [0o700; 3], "whoever runs awo gets there anyway");
        assert_eq!(way(WallKind::Bubblewrap, someone), [0o700; 3], "there they are laid into a view of their own");
    }
}
