//! What each change is called to those who listen.

use crate::harness::TestApp;

#[tokio::test]
async fn each_change_has_its_type() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    for (table, operation, changed, after, expected) in [
        ("alerts", "create", "{}", "{}", "alert.raised"),
        ("alerts", "update", "{status}", r#"{"status": "acknowledged"}"#, "alert.acknowledged"),
        ("alerts", "update", "{status}", r#"{"status": "resolved"}"#, "alert.resolved"),
        ("alerts", "update", "{status}", r#"{"status": "calling"}"#, "alert.updated"),
        ("alerts", "update", "{message}", r#"{"message": "She is up."}"#, "alert.updated"),
        ("alerts", "delete", "{deleted_at}", "{}", "alert.deleted"),
        ("visits", "create", "{}", "{}", "visit.created"),
        ("visits", "update", "{notes}", "{}", "visit.updated"),
        ("visits", "delete", "{deleted_at}", "{}", "visit.deleted"),
        ("sync_conflicts", "create", "{}", "{}", "conflict.found"),
        ("sync_conflicts", "update", "{status}", "{}", "conflict.resolved"),
        ("inbound_messages", "create", "{}", "{}", "reply.received"),
        ("inbound_messages", "update", "{status}", "{}", "reply.updated"),
        ("messages", "create", "{}", "{}", "message.created"),
        ("visit_tasks", "update", "{status}", "{}", "sync.changed"),
        ("clients", "create", "{}", "{}", "sync.changed"),
    ] {
        let sql =
            format!("select app.event_type('{table}', '{operation}', '{changed}'::text[], '{after}'::jsonb) as called");
        let row = owner.query_typed(&sql, &[]).await.unwrap();
        assert_eq!(row[0].get::<_, String>("called"), expected, "{operation} of {table}, {changed}");
    }
}
