//! The columns that phones write stand twice: in `domain`'s schema, and in the statements of `app.write_pushed_rows`,
//! whose plans the database keeps.

use domain::sync::schema::TABLES;
use store::reads::sync_push::written;

use crate::harness::TestApp;

#[tokio::test]
async fn what_a_push_writes_is_what_the_schema_says() {
    let app = TestApp::new().await;
    let source = "select prosrc from pg_proc where proname = 'write_pushed_rows'";
    let source: String = app.database.superuser().await.query_typed(source, &[]).await.unwrap()[0].get(0);
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    for table in TABLES {
        let columns = written(table, true);
        let (name, given) = (table.name, columns.join(", "));
        let values: Vec<_> = columns.iter().map(|column| format!("r.{column}")).collect();
        let insert = format!(
            "insert into {name} ( id, agency_id, {given}) select r.id, agency, {} \
             from jsonb_populate_recordset(null::{name}, p_rows) r;",
            values.join(", ")
        );
        assert!(source.contains(&insert), "{insert}");
        let set: Vec<_> = written(table, false).iter().map(|column| format!("{column} = r.{column}")).collect();
        let update = format!(
            "update {name} t set {} from jsonb_populate_recordset(null::{name}, p_rows) r where t.id = r.id;",
            set.join(", ")
        );
        assert!(source.contains(&update), "{update}");
        assert!(source.contains(&format!("update {name} set deleted_at = now()")), "{name}");
    }
}
