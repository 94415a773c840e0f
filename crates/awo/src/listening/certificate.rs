//! The files of a certificate, which somebody renews while the server runs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use awo_http::Certificate;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::exit::{BAD_INPUT, coded};

/// How often they are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Both files, and what of them is shown.
pub(crate) struct CertificateFiles {
    paths: [PathBuf; 2],
    seen: [Vec<u8>; 2],
    shown: Certificate,
}

// One of the files is the key.
impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateFiles").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl CertificateFiles {
    /// Reads certificate and key.
    pub(crate) fn read(paths: [PathBuf; 2]) -> anyhow::Result<Self> {
        let seen = read(&paths).map_err(|reason| coded(BAD_INPUT, reason))?;
        let shown = Certificate::from_pem(&seen[0], &seen[1]).map_err(|error| {
            let [certificate, key] = &paths;
            let reason = format!("{:#}", anyhow::Error::new(error));
            coded(BAD_INPUT, format!("tls: {} and {}: {reason}", certificate.display(), key.display()))
        })?;
        Ok(Self { paths, seen, shown })
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.shown.clone()
    }

    /// Shows what is in the files until `ended`. What cannot be used is told once, and the one before is shown: one file
    /// may be written before the other.
    pub(crate) async fn keep(mut self, ended: CancellationToken) {
        let mut readable = true;
        while tokio::time::timeout(LOOK, ended.cancelled()).await.is_err() {
            match read(&self.paths) {
                Ok(found) => {
                    readable = true;
                    if found != self.seen {
                        self.seen = found;
                        self.show();
                    }
                }
                Err(reason) => {
                    if std::mem::replace(&mut readable, false) {
                        error!(reason, "certificate_not_readable: the one before is shown");
                    }
                }
            }
        }
    }

    fn show(&self) {
        match self.shown.renew(&self.seen[0], &self.seen[1]) {
            Ok(()) => info!("certificate_renewed"),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                error!(error, "certificate_not_usable: the one before is shown");
            }
        }
    }
}

fn read(paths: &[PathBuf; 2]) -> Result<[Vec<u8>; 2], String> {
    let read = |name: &str, path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("cannot read tls.{name} {}: {error}", path.display()))
    };
    Ok([read("certificate", &paths[0])?, read("key", &paths[1])?])
}
