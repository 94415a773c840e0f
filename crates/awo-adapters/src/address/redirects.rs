//! Redirects of repository addresses: where awo's own git goes instead, set by the operator.

use super::{AddressError, AddressPolicy, Hosts, RepositoryAddress};

/// One redirect: an address that begins with `from` begins with `to` instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Beginning of the address as callers give it; a whole address or whole parts of its path.
    pub from: String,
    /// What it is replaced by: may be a local path although callers may not use one.
    pub to: String,
}

/// The redirects of this machine (internal mirrors, tests that must not leave it). They apply to awo's own git only:
/// the agent's checkout never learns of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redirects(Vec<Redirect>);

impl Redirects {
    /// The given redirects. Where several fit, the one with the longest `from` counts.
    pub fn new(redirects: Vec<Redirect>) -> Self {
        Self(redirects)
    }

    /// Where git really goes for an address.
    pub fn apply(&self, address: &RepositoryAddress) -> Result<RepositoryAddress, AddressError> {
        let text = address.to_string();
        let fitting = self.0.iter().filter_map(|redirect| Some((redirect, rest_after(&redirect.from, &text)?)));
        let Some((redirect, rest)) = fitting.max_by_key(|(redirect, _)| redirect.from.len()) else {
            return Ok(address.clone());
        };
        let operators = AddressPolicy { allow_local: true, trusted_hosts: Hosts::all(), ..AddressPolicy::default() };
        RepositoryAddress::parse(&format!("{}{rest}", redirect.to), &operators)
    }

    /// Whether an address is one that a redirect leads to: the operator chose it.
    pub(crate) fn lead_to(&self, address: &RepositoryAddress) -> bool {
        // The address has one spelling, what the operator wrote may have another.
        let text = address.to_string().to_ascii_lowercase();
        self.0.iter().any(|redirect| rest_after(&redirect.to.to_ascii_lowercase(), &text).is_some())
    }
}

/// What follows the beginning of an address. Whole parts only: `…/owner` does not begin `…/owner-of-something-else`.
fn rest_after<'a>(beginning: &str, address: &'a str) -> Option<&'a str> {
    let rest = address.strip_prefix(beginning)?;
    let whole = beginning.ends_with(['/', ':']) || rest.is_empty() || rest.starts_with('/') || rest == ".git";
    (whole && !beginning.is_empty()).then_some(rest)
}
