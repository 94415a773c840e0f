//! Networks of their own for nodes, which lose what goes one way, the other, or both: silently, as a broken line does.
//!
//! A node is in a network namespace, and a pair of devices leads to the machine, where the database listens. What is to get
//! lost is sent to a neighbour that is not there: the one who sends has a wrong address for the other in its table.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::provision;
use crate::random::Random;

/// An address of the link layer that nobody has.
const NOBODY: &str = "02:00:00:00:00:01";

/// What gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    /// What the node sends.
    Out,
    /// What is sent to it.
    In,
}

impl Way {
    pub(super) fn by(random: &mut Random) -> Self {
        [Self::Both, Self::Out, Self::In][random.below(3)]
    }
}

/// The network of one node. It goes with this value.
#[derive(Debug)]
pub(crate) struct Link {
    /// Of the namespace, and of the devices but for a letter.
    name: String,
    /// The three numbers that its addresses begin with, and the one that they end with at the machine.
    network: String,
    last: usize,
}

/// Why there can be no networks, if so.
pub(super) fn missing() -> Result<Option<String>> {
    // Nothing can be done about it, so a continuous integration goes on without.
    if !provision::is_root() {
        return Ok(Some("only root may make networks".to_owned()));
    }
    if let Some(reason) = provision::missing_program("ip", "-V", "iproute2")? {
        return Ok(Some(reason));
    }
    Ok(Link::new(63).err().map(|error| format!("{error:#}")))
}

impl Link {
    /// The network of the node of a number, up to 63.
    pub(super) fn new(number: usize) -> Result<Self> {
        // Other runs on this machine have other processes.
        let process = std::process::id() % 12_800;
        let network = format!("10.{}.{}", 200 + process / 256, process % 256);
        let link = Self { name: format!("awo{process}n{number}"), network, last: number * 4 + 1 };
        let (name, outer, inner) = (&link.name, link.outer(), link.inner());
        ip(&format!("netns add {name}"))?;
        ip(&format!("link add {outer} type veth peer name {inner} netns {name}"))?;
        ip(&format!("addr add {}/30 dev {outer}", link.machine()))?;
        ip(&format!("link set {outer} up"))?;
        ip(&format!("-n {name} addr add {}/30 dev {inner}", link.node()))?;
        ip(&format!("-n {name} link set {inner} up"))?;
        ip(&format!("-n {name} link set lo up"))?;
        Ok(link)
    }

    /// The address of the machine in it.
    pub(super) fn machine(&self) -> String {
        format!("{}.{}", self.network, self.last)
    }

    fn node(&self) -> String {
        format!("{}.{}", self.network, self.last + 1)
    }

    fn outer(&self) -> String {
        format!("{}m", self.name)
    }

    fn inner(&self) -> String {
        format!("{}n", self.name)
    }

    /// A program in it, as the same process.
    pub(super) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name));
        command
    }

    /// Loses what goes a way.
    pub(super) fn cut(&self, way: Way) -> Result<()> {
        self.neighbours(way, |who| format!("replace {who} lladdr {NOBODY} nud permanent"))
    }

    /// Lets everything through.
    pub(super) fn heal(&self, way: Way) -> Result<()> {
        self.neighbours(way, |who| format!("del {who}"))
    }

    fn neighbours(&self, way: Way, change: impl Fn(&str) -> String) -> Result<()> {
        if way != Way::In {
            ip(&format!("-n {} neigh {} dev {}", self.name, change(&self.machine()), self.inner()))?;
        }
        if way != Way::Out {
            ip(&format!("neigh {} dev {}", change(&self.node()), self.outer()))?;
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The devices go with it.
        if let Err(error) = ip(&format!("netns del {}", self.name)) {
            eprintln!("warning: {error:#}");
        }
    }
}

fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("ip cannot be started")?;
    if !output.status.success() {
        bail!("`ip {arguments}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
