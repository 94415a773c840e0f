//! Settings of the export of traces. Their variables are those that the OpenTelemetry specification names.

use std::time::Duration;

use serde::Deserialize;

/// Where a collector takes traces, below its own address.
const PATH: &str = "/v1/traces";
/// The one protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// The table `[otel]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Otel {
    /// Address of the collector.
    endpoint: Option<String>,
    /// Address that takes traces, as it is; stronger than that of the collector.
    traces_endpoint: Option<String>,
    protocol: String,
    /// Time for a collector to take what it is sent.
    timeout_ms: u64,
    service_name: Option<String>,
    disabled: bool,
}

impl Default for Otel {
    fn default() -> Self {
        Self {
            endpoint: None,
            traces_endpoint: None,
            protocol: PROTOCOL.into(),
            timeout_ms: 10_000,
            service_name: None,
            disabled: false,
        }
    }
}

/// Who takes traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collector {
    /// The whole address.
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    /// Name of this service, unless the attributes of the environment tell it.
    pub(crate) service_name: Option<String>,
}

impl Otel {
    /// Who takes traces, if anybody does; or what cannot be used. To be asked where traces are made: the variables are not
    /// awo's own, and what others need in them is no matter of commands that make none.
    pub(crate) fn collector(&self) -> Result<Option<Collector>, String> {
        let whole = || self.endpoint.as_ref().map(|base| format!("{}{PATH}", base.trim_end_matches('/')));
        let Some(url) = self.traces_endpoint.clone().or_else(whole).filter(|_| !self.disabled) else {
            return Ok(None);
        };
        if self.protocol != PROTOCOL {
            return Err(format!(
                "traces cannot be sent by {:?} (otel.protocol, OTEL_EXPORTER_OTLP_PROTOCOL): awo speaks {PROTOCOL}; set \
                 OTEL_EXPORTER_OTLP_TRACES_PROTOCOL to it and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to where that is taken, or \
                 OTEL_SDK_DISABLED to true",
                self.protocol
            ));
        }
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if rest.is_some_and(|rest| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))) {
            // It is not shown: it is a secret.
            return Err(
                "the address of the collector has a login in it (otel.endpoint, OTEL_EXPORTER_OTLP_ENDPOINT); \
                        give that in OTEL_EXPORTER_OTLP_HEADERS"
                    .into(),
            );
        }
        if !rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || first == '[')) {
            return Err(format!(
                "{url:?} is not where traces can be sent (otel.endpoint, OTEL_EXPORTER_OTLP_ENDPOINT): give the address of \
                 the collector, such as http://127.0.0.1:4318"
            ));
        }
        if self.timeout_ms == 0 {
            return Err("otel.timeout_ms is 0; a collector needs time, such as 10000".into());
        }
        let (timeout, service_name) = (Duration::from_millis(self.timeout_ms), self.service_name.clone());
        Ok(Some(Collector { url, timeout, service_name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(otel: &Otel) -> Option<String> {
        otel.collector().unwrap().map(|collector| collector.url)
    }

    #[test]
    fn traces_go_where_they_are_told_to() {
        let base = |text: &str| Otel { endpoint: Some(text.into()), ..Otel::default() };
        assert_eq!(url(&Otel::default()), None);
        assert_eq!(url(&base("http://127.0.0.1:4318")).as_deref(), Some("http://127.0.0.1:4318/v1/traces"));
        assert_eq!(url(&base("https://[::1]:4318/own/")).as_deref(), Some("https://[::1]:4318/own/v1/traces"));
        let whole = Otel { traces_endpoint: Some("http://traces.example/x".into()), ..base("http://other.example") };
        assert_eq!(url(&whole).as_deref(), Some("http://traces.example/x"));
        assert_eq!(url(&Otel { disabled: true, ..whole }), None);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_cure() {
        let refused = |otel: Otel| otel.collector().unwrap_err();
        let good = Otel { endpoint: Some("http://127.0.0.1:4317".into()), ..Otel::default() };
        let grpc = refused(Otel { protocol: "grpc".into(), ..good.clone() });
        assert!(grpc.contains("\"grpc\"") && grpc.contains("http/protobuf"), "{grpc}");
        assert!(refused(Otel { timeout_ms: 0, ..good }).contains("otel.timeout_ms"));
        let login = refused(Otel { endpoint: Some("https://me:secret@traces.example".into()), ..Otel::default() });
        assert!(login.contains("OTEL_EXPORTER_OTLP_HEADERS") && !login.contains("secret@"), "{login}");
        for text in ["127.0.0.1:4318", "ftp://127.0.0.1", "http://", "https:///v1"] {
            let told = refused(Otel { endpoint: Some(text.into()), ..Otel::default() });
            assert!(told.contains(text) && told.contains("http://127.0.0.1:4318"), "{told}");
        }
        assert_eq!(Otel { protocol: "grpc".into(), ..Otel::default() }.collector(), Ok(None), "nothing is sent");
    }
}
