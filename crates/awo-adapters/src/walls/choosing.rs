//! Owns which walls an order gets, and what of the network goes with them.

use std::sync::Arc;

use awo_models::{Failure, FailureCode, Isolation, Network};

use super::{Effective, WallKind, Walls};

/// Why there is no proxy within Landlock.
const NO_PROXY: &str =
    "Landlock knows the ports of connections and not their hosts, so nobody could be held to awo's proxy";

impl Walls {
    /// The walls that an order gets, or why it may not run.
    pub async fn effective(&self, asked: Isolation, network: Network) -> Result<Effective, Failure> {
        let wanted = if asked == Isolation::Auto { self.settings.preferred } else { asked };
        let Some(kind) = WallKind::wanted(wanted) else {
            let why = if asked == wanted { "it was asked for" } else { "the setting walls.isolation says so" };
            return self.without(why.to_owned(), network);
        };
        let probe = self.probe(kind).await;
        let Err(reason) = &probe.found else { return self.within(kind, network) };
        let missing = format!("{} cannot be used: {reason}; {}", kind.as_str(), probe.cure);
        if wanted == Isolation::Auto { self.without(missing, network) } else { Err(refused(missing)) }
    }

    /// What an order gets within walls, if what it wants of the network is to be had there.
    fn within(&self, kind: WallKind, network: Network) -> Result<Effective, Failure> {
        let wanted = self.network_wanted(network);
        let (network, network_why) = match (wanted, kind, &self.settings.no_way_out) {
            (Network::Auto, _, Some(why)) => (Network::Host, Some(Arc::clone(why))),
            (Network::Auto, WallKind::Bubblewrap, None) => (Network::Proxy, None),
            (Network::Auto, WallKind::Landlock, None) => (Network::Host, Some(NO_PROXY.into())),
            (Network::Proxy, WallKind::Landlock, _) => {
                let refusal = format!("the network `proxy` needs bubblewrap: {NO_PROXY}; ask for `off` or `host`");
                return Err(refused(refusal));
            }
            (Network::Host, ..) if network == Network::Host => (Network::Host, Some("it was asked for".into())),
            (Network::Host, ..) => (Network::Host, Some("the setting network.default says so".into())),
            (other, ..) => (other, None),
        };
        Ok(Effective { isolation: kind.isolation(), why: None, network, network_why })
    }

    /// What an order gets that has no walls, for a reason; or why it may not run so.
    fn without(&self, none: String, network: Network) -> Result<Effective, Failure> {
        if self.settings.required {
            return Err(refused(format!("an order without walls is refused here (walls.required): {none}")));
        }
        if let wanted @ (Network::Off | Network::Proxy) = self.network_wanted(network) {
            let word = wanted.as_str();
            return Err(refused(format!("the network `{word}` needs walls, and there are none: {none}")));
        }
        let network_why = match network {
            Network::Host => "it was asked for",
            _ => "without walls nothing keeps a program from the machine's network",
        };
        Ok(Effective {
            isolation: Isolation::None,
            why: Some(none.into()),
            network: Network::Host,
            network_why: Some(network_why.into()),
        })
    }

    fn network_wanted(&self, network: Network) -> Network {
        if network == Network::Auto { self.settings.preferred_network } else { network }
    }
}

fn refused(message: String) -> Failure {
    Failure::new(FailureCode::IsolationUnavailable, message)
}

#[cfg(test)]
mod tests {
    use super::super::{Probe, WallSettings};
    use super::*;

    fn walls(preferred: Isolation, required: bool) -> Walls {
        // Without a keeper nothing works.
        Walls::new(WallSettings { preferred, required, ..WallSettings::new(None) })
    }

    async fn told(
        walls: &Walls,
        asked: Isolation,
        network: Network,
    ) -> Result<(Isolation, String), (FailureCode, String)> {
        match walls.effective(asked, network).await {
            Ok(Effective { isolation, why, .. }) => Ok((isolation, why.as_deref().unwrap_or("").to_owned())),
            Err(failure) => Err((failure.code, failure.message.to_string())),
        }
    }

    #[tokio::test]
    async fn without_walls_an_order_runs_only_if_nobody_insists() {
        let free = walls(Isolation::Auto, false);
        let (isolation, why) = told(&free, Isolation::Auto, Network::Host).await.unwrap();
        assert_eq!(isolation, Isolation::None);
        assert!(why.starts_with("bubblewrap cannot be used") && !why.contains("landlock"), "{why}");
        assert_eq!(
            told(&free, Isolation::None, Network::Host).await,
            Ok((Isolation::None, "it was asked for".to_owned()))
        );
        let left = free.effective(Isolation::Auto, Network::Auto).await.unwrap();
        assert_eq!(left.network, Network::Host);
        assert!(left.network_why.unwrap().contains("without walls"));
        let settings = WallSettings { preferred_network: Network::Proxy, ..WallSettings::new(None) };
        let insisting = Walls::new(settings);
        for (walls, asked, network) in [
            (&free, Isolation::Bubblewrap, Network::Host),
            (&free, Isolation::Landlock, Network::Host),
            (&free, Isolation::Auto, Network::Off),
            (&free, Isolation::None, Network::Off),
            (&free, Isolation::Auto, Network::Proxy),
            (&free, Isolation::None, Network::Proxy),
            (&insisting, Isolation::Auto, Network::Auto),
            (&walls(Isolation::Auto, true), Isolation::Auto, Network::Host),
            (&walls(Isolation::Auto, true), Isolation::None, Network::Host),
            (&walls(Isolation::Bubblewrap, false), Isolation::Auto, Network::Host),
        ] {
            let (code, _) = told(walls, asked, network).await.unwrap_err();
            assert_eq!(code, FailureCode::IsolationUnavailable, "{asked:?} {network:?}");
        }
    }

    /// Walls of which only Landlock works.
    fn landlock(settings: WallSettings) -> Walls {
        let walls = Walls::new(settings);
        let probe = |found| Probe { found, cure: "install it" };
        walls.bubblewrap.set(probe(Err("it is not there".to_owned()))).unwrap();
        walls.landlock.set(probe(Ok("it works".to_owned()))).unwrap();
        walls
    }

    #[tokio::test]
    async fn landlock_is_for_who_asks_and_has_no_proxy() {
        let left = landlock(WallSettings::new(None));
        let (isolation, why) = told(&left, Isolation::Auto, Network::Auto).await.unwrap();
        assert_eq!(
            (isolation, why.as_str()),
            (Isolation::None, "bubblewrap cannot be used: it is not there; install it"),
            "nobody asked"
        );
        let setting = landlock(WallSettings { preferred: Isolation::Landlock, ..WallSettings::new(None) });
        for (walls, asked) in [(&left, Isolation::Landlock), (&setting, Isolation::Auto)] {
            for (network, expected) in
                [(Network::Auto, Network::Host), (Network::Host, Network::Host), (Network::Off, Network::Off)]
            {
                let effective = walls.effective(asked, network).await.unwrap();
                assert_eq!((effective.isolation, effective.why), (Isolation::Landlock, None));
                assert_eq!((effective.network, effective.network_why.is_some()), (expected, expected == Network::Host));
            }
            let (_, message) = told(walls, asked, Network::Proxy).await.unwrap_err();
            assert!(message.starts_with("the network `proxy` needs bubblewrap"), "{message}");
        }
        assert!(told(&left, Isolation::Bubblewrap, Network::Auto).await.is_err());
        let required = landlock(WallSettings { required: true, ..WallSettings::new(None) });
        assert!(told(&required, Isolation::Auto, Network::Auto).await.is_err());
        assert!(told(&required, Isolation::Landlock, Network::Auto).await.is_ok(), "they are walls");
    }
}
