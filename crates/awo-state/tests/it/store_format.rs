//! The stored forms of logs and catalogs: what is written, and what must stay readable.

use awo_models::{OrderId, StepName, Timestamp};
use awo_state::{
    ApiKey, AuditEntry, Catalog as _, ConfiguredRepository, FileCatalog, FileOrderLog, LogEntry, LogLevel, LogQuery,
    OrderLog as _,
};

use crate::store_fixtures::log_file;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[tokio::test]
async fn logs() {
    let dir = tempfile::tempdir().unwrap();
    let id = OrderId::new(1_700_000_000_000, [7; 10]);
    let log = FileOrderLog::new(dir.path());
    let full = LogEntry::new(at(1), LogLevel::Warning, "agent_silent")
        .with_step(StepName::known("plan"))
        .with_message("nothing for 5 minutes")
        .with_field("seconds", 300)
        .with_field("tools", vec!["read", "edit"]);
    log.append(id, &[LogEntry::new(at(0), LogLevel::Info, "workflow_started"), full.clone()]).await.unwrap();
    let text = std::fs::read_to_string(log_file(dir.path(), id)).unwrap();
    insta::assert_snapshot!("log", text);

    let golden = include_str!("snapshots/it__store_format__log.snap").rsplit("---\n").next().unwrap();
    std::fs::write(log_file(dir.path(), id), golden).unwrap();
    let page = FileOrderLog::new(dir.path()).read(id, &LogQuery::default()).await.unwrap();
    assert_eq!((page.total, page.damaged, &page.lines[1].entry), (2, 0, &full));
}

#[tokio::test]
async fn catalog() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = FileCatalog::new(dir.path());
    let repository = ConfiguredRepository {
        default_commands: vec![StepName::known("planning")],
        ..ConfiguredRepository::new("7b3f", "https://github.com/octo/repo", at(0))
    };
    catalog.put_repository(repository.clone(), None).await.unwrap();
    let key = ApiKey {
        id: "k1".into(),
        name: "laptop".into(),
        secret_sha256: "0123456789abcdef".repeat(4).into(),
        scopes: vec!["orders:read".into()],
        created_at: at(0),
        expires_at: None,
        revoked_at: Some(at(9)),
        last_used_at: None,
    };
    catalog.put_key(key.clone(), None).await.unwrap();
    let called = |subject: Option<&str>| AuditEntry {
        at: at(1),
        who: "k1".into(),
        what: "create_order".into(),
        subject: subject.map(Into::into),
        result: "201".into(),
        request_id: None,
    };
    catalog.record(&called(None)).await.unwrap();
    catalog.record(&called(Some("wo-1"))).await.unwrap();
    let mut all = String::new();
    for name in ["repositories.json", "keys.json", "audit.jsonl"] {
        all += &std::fs::read_to_string(dir.path().join("catalog").join(name)).unwrap();
    }
    insta::assert_snapshot!("catalog", all);

    let golden = include_str!("snapshots/it__store_format__catalog.snap").rsplit("---\n").next().unwrap();
    let lines: Vec<_> = golden.split_inclusive('\n').collect();
    for (name, text) in
        [("repositories.json", lines[0]), ("keys.json", lines[1]), ("audit.jsonl", &lines[2..].concat())]
    {
        std::fs::write(dir.path().join("catalog").join(name), text).unwrap();
    }
    let again = FileCatalog::new(dir.path());
    assert_eq!(again.repositories().await.unwrap()[0].document, repository);
    assert_eq!(again.keys().await.unwrap()[0].document, key);
    assert_eq!(again.audit(None, 9).await.unwrap().lines[0].entry, called(Some("wo-1")));
}
