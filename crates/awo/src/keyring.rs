//! Keys of the catalog: how they become those of the API, and how a server learns of changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{Clock as _, SystemClock};
use awo_http::{AuditTrail, AuditedCall, Key, KeyRing};
use awo_state::{ApiKey, AuditEntry, Catalog, Versioned};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::exit::{BAD_INPUT, coded};
use crate::settings::{Backend, Settings};

/// How often a server looks at the stored keys.
const LOOK: Duration = Duration::from_secs(1);
/// Looks after which it writes down which keys were used.
const LOOKS_PER_WRITE: u32 = 60;

/// A stored key as the API knows it. Scopes of a newer version are good for nothing here.
pub(crate) fn key(stored: &ApiKey) -> Option<Key> {
    let hex = stored.secret_sha256.as_bytes();
    let digits: Vec<u8> =
        hex.chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    Some(Key {
        id: Arc::clone(&stored.id),
        secret_sha256: digits.try_into().ok()?,
        scopes: stored.scopes.iter().filter_map(|scope| scope.parse().ok()).collect::<BTreeSet<_>>(),
        expires_at: stored.expires_at,
        revoked: stored.revoked_at.is_some(),
    })
}

fn keys(stored: &[Versioned<ApiKey>]) -> impl Iterator<Item = Key> {
    stored.iter().filter_map(|stored| key(&stored.document))
}

/// The keys that a server begins with; refused if nobody could call it.
pub(crate) async fn begin(settings: &Settings, catalog: &dyn Catalog) -> anyhow::Result<KeyRing> {
    let stored = catalog.keys().await?;
    let now = SystemClock::default().now();
    if !keys(&stored).any(|key| key.is_good(now)) {
        let place = match settings.state {
            Backend::Postgres => "the database".to_owned(),
            Backend::File | Backend::Memory => settings.data_dir.display().to_string(),
        };
        let message = format!(
            "cannot listen on {}: it asks every caller for a key, and {place} has none that is good; make one with `awo keys \
             create --scope orders:read --scope orders:write`, or listen on 127.0.0.1 without `auth = \"key\"`",
            settings.bind
        );
        return Err(coded(BAD_INPUT, message));
    }
    let ring = KeyRing::default();
    ring.replace(keys(&stored), now);
    Ok(ring)
}

/// Keeps a ring as the stored keys are, until the server ends. What cannot be read leaves it as it was.
pub(crate) async fn keep(ring: KeyRing, catalog: Arc<dyn Catalog>, ended: CancellationToken) {
    let clock = SystemClock::default();
    let (mut looks, mut readable) = (0, true);
    while tokio::time::timeout(LOOK, ended.cancelled()).await.is_err() {
        let stored = match catalog.keys().await {
            Ok(stored) => stored,
            Err(error) => {
                if std::mem::replace(&mut readable, false) {
                    error!(error = %format!("{:#}", anyhow::Error::new(error)), "keys_not_readable: those known before count");
                }
                continue;
            }
        };
        if !std::mem::replace(&mut readable, true) {
            info!("keys_readable_again");
        }
        ring.replace(keys(&stored), clock.now());
        looks += 1;
        if looks % LOOKS_PER_WRITE == 0 {
            write_uses(&ring, &*catalog, &stored).await;
        }
    }
    if let Ok(stored) = catalog.keys().await {
        write_uses(&ring, &*catalog, &stored).await;
    }
}

/// A key that was changed meanwhile is written the next time that it is used.
async fn write_uses(ring: &KeyRing, catalog: &dyn Catalog, stored: &[Versioned<ApiKey>]) {
    for (id, at) in ring.take_uses() {
        let Some(Versioned { version, document }) = stored.iter().find(|stored| stored.document.id == id) else {
            continue;
        };
        let used = ApiKey { last_used_at: Some(at), ..document.clone() };
        if let Err(error) = catalog.put_key(used, Some(*version)).await {
            warn!(key = %id, %error, "key_use_not_written");
        }
    }
}

/// The audit trail of the catalog.
#[derive(Debug)]
pub(crate) struct CatalogTrail(pub(crate) Arc<dyn Catalog>);

#[async_trait]
impl AuditTrail for CatalogTrail {
    async fn record(&self, call: AuditedCall) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let AuditedCall { at, who, what, subject, status, request_id } = call;
        let entry =
            AuditEntry { at, who, what, subject, result: status.to_string().into(), request_id: Some(request_id) };
        Ok(self.0.record(&entry).await?)
    }
}
