//! Certificates that servers of tests show, and nobody else trusts.

use std::path::{Path, PathBuf};

/// Files of a certificate.
#[derive(Debug, Clone)]
pub struct TestCertificate {
    /// The certificate, which whoever trusts it needs.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl TestCertificate {
    /// The usual one: for `localhost`, `127.0.0.1`, `git.example` and `11.22.33.44`.
    pub fn usual() -> Self {
        Self::named("certificate", "key")
    }

    /// Another one, for `localhost` and `127.0.0.1`.
    pub fn renewed() -> Self {
        Self::named("renewed", "renewed-key")
    }

    fn named(certificate: &str, key: &str) -> Self {
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(format!("{name}.pem"));
        Self { certificate: file(certificate), key: file(key) }
    }
}
