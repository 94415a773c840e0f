//! The forge of a round, which counts pull requests: played by a small program of the test kit, see its `forge`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::network::Link;
use super::party::TOKEN;
use crate::player::Player;

/// A forge. It ends with this value.
#[derive(Debug)]
pub(super) struct Forge {
    player: Player,
    program: PathBuf,
    socket: PathBuf,
    /// Where it is, in each network that it can be reached from.
    pub(super) address: String,
    doors: Vec<Player>,
}

impl Forge {
    /// Starts one for a bare repository. Nobody has a file beside it yet.
    pub(super) fn start(program: &Path, remote: &Path) -> Result<Self> {
        let socket = remote.with_extension("forge");
        let mut command = Command::new(program);
        command.arg("play").arg(remote).arg(TOKEN).arg(&socket);
        let (player, address) = Player::start(command, "the forge")?;
        Ok(Self { player, program: program.to_owned(), socket, address, doors: Vec::new() })
    }

    /// Lets it be reached at the same address in another network, whatever becomes of its lines.
    pub(super) fn open_in(&mut self, link: &Link) -> Result<()> {
        let mut command = link.enter();
        let address = self.address.strip_prefix("http://").context("it speaks http")?;
        command.arg(&self.program).args(["door", address]).arg(&self.socket);
        self.doors.push(Player::start(command, "the door to the forge")?.0);
        Ok(())
    }

    /// The branches that pull requests are for, one for each.
    pub(super) fn heads(&mut self) -> Result<Vec<String>> {
        let heads = self.player.tell("heads")?;
        Ok(heads.split_whitespace().map(str::to_owned).collect())
    }
}
