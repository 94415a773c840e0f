//! Puts GitHub together: where its token is looked for, and how it is used. Nobody else reads the token's variables.

use std::sync::Arc;

use awo_adapters::{ForgeToken, ForgeTokens, GithubForge, GithubSettings, TokenSource};

use crate::exit::{BAD_INPUT, coded};
use crate::settings::Settings;

/// Variables that may hold the token, strongest first.
const TOKEN_VARIABLES: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];
/// Variables that `gh` needs to find its login.
const GH_VARIABLES: [&str; 7] =
    ["PATH", "HOME", "USER", "XDG_CONFIG_HOME", "GH_CONFIG_DIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// The places that the token of the configured host is looked for in.
pub(crate) fn tokens(settings: &Settings) -> Arc<ForgeTokens> {
    let variable = |name: &'static str| {
        let token = std::env::var(name).ok().as_deref().and_then(ForgeToken::new)?;
        Some(TokenSource::Variable { name, token })
    };
    let mut sources: Vec<_> = TOKEN_VARIABLES.into_iter().filter_map(variable).collect();
    sources.extend(settings.github.token_file.clone().map(TokenSource::File));
    if let Some(search_path) = std::env::var_os("PATH") {
        let environment = GH_VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        sources.push(TokenSource::Gh { search_path, environment: environment.collect() });
    }
    Arc::new(ForgeTokens::new(&settings.github.host, sources))
}

/// GitHub for the addresses of the configured host.
pub(crate) fn github(settings: &Settings, tokens: Arc<ForgeTokens>) -> anyhow::Result<GithubForge> {
    let github = &settings.github;
    let settings = GithubSettings {
        draft: github.draft,
        labels: github.labels.clone(),
        reviewers: github.reviewers.clone(),
        comment: github.comment,
        ..GithubSettings::new(&github.api_url(), tokens)
    };
    GithubForge::new(settings).map_err(|error| coded(BAD_INPUT, error.to_string()))
}
