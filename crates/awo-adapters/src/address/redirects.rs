//! Redirects of repository addresses: where awo's own git goes instead, set by the operator.

use super::{AddressError, AddressPolicy, RepositoryAddress};

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
        let fitting = self.0.iter().filter_map(|redirect| {
            let rest = text.strip_prefix(&redirect.from)?;
            // Whole parts only: a redirect of `…/owner` says nothing about `…/owner-of-something-else`.
            let whole =
                redirect.from.ends_with(['/', ':']) || rest.is_empty() || rest.starts_with('/') || rest == ".git";
            (whole && !redirect.from.is_empty()).then_some((redirect, rest))
        });
        let Some((redirect, rest)) = fitting.max_by_key(|(redirect, _)| redirect.from.len()) else {
            return Ok(address.clone());
        };
        let operators = AddressPolicy { allow_local: true, ..AddressPolicy::default() };
        RepositoryAddress::parse(&format!("{}{rest}", redirect.to), &operators)
    }
}
