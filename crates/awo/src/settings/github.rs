//! Settings of GitHub.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Github {
    /// Host of the repositories, with its port if that is not 443.
    pub(crate) host: String,
    /// Where the REST interface is; known from the host if absent.
    pub(crate) api_url: Option<String>,
    /// File that holds the token and nothing else.
    pub(crate) token_file: Option<PathBuf>,
    /// Whether pull requests are opened as drafts.
    pub(crate) draft: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    /// Whether the issue is told of its pull request.
    pub(crate) comment: bool,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            host: "github.com".into(),
            api_url: None,
            token_file: None,
            draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            comment: false,
        }
    }
}

impl Github {
    /// The host without its port.
    pub(super) fn name(&self) -> &str {
        self.host.rsplit_once(':').map_or(&self.host, |(name, _)| name)
    }

    pub(crate) fn api_url(&self) -> String {
        match &self.api_url {
            Some(url) => url.clone(),
            None if self.host.eq_ignore_ascii_case("github.com") => "https://api.github.com".into(),
            None => format!("https://{}/api/v3", self.host),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
        if self.host.is_empty() || !self.host.bytes().all(plain) {
            return Err(format!("github.host {:?} is not a host such as github.com", self.host));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_known_from_the_host() {
        let at = |host: &str| Github { host: host.into(), ..Github::default() };
        assert_eq!(Github::default().api_url(), "https://api.github.com");
        assert_eq!(at("forge.example:8443").api_url(), "https://forge.example:8443/api/v3");
        let told = Github { api_url: Some("http://127.0.0.1:1".into()), ..Github::default() };
        assert_eq!(told.api_url(), "http://127.0.0.1:1");
        assert!(at("forge.example:8443").check().is_ok());
        assert!(at("https://forge.example").check().is_err() && at("").check().is_err());
    }
}
