//! A phone as the wire has it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Client};

/// A phone as WatermelonDB drives it: a cursor, and whole rows.
pub struct Phone {
    pub client: Client,
    pub cursor: Option<i64>,
}

impl Phone {
    pub fn of(client: Client) -> Self {
        Self { client, cursor: None }
    }

    pub async fn pull(&mut self, pending: Option<u32>) -> Value {
        let cursor = self.cursor.map_or("null".into(), |cursor| cursor.to_string());
        let pending = pending.map(|n| format!("&pending={n}")).unwrap_or_default();
        let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null{pending}");
        let answer = self.client.get(&path).await.expect(200);
        self.cursor = answer["timestamp"].as_i64();
        assert!((1..1 << 53).contains(&self.cursor.unwrap()));
        answer
    }

    pub async fn push(&self, changes: Value) -> Answer {
        let path = format!("/v1/sync?last_pulled_at={}", self.cursor.unwrap_or(0));
        self.client.post(&path, &json!({"changes": changes})).await
    }
}

pub fn ids(answer: &Value, table: &str, list: &str) -> Vec<String> {
    let mut ids: Vec<_> = answer["changes"][table][list]
        .as_array()
        .unwrap_or_else(|| panic!("no {table}.{list}: {answer}"))
        .iter()
        .map(|row| row["id"].as_str().or(row.as_str()).unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

pub fn row(answer: &Value, table: &str, id: Uuid) -> Value {
    let lists = ["created", "updated"].map(|list| answer["changes"][table][list].as_array().unwrap().clone());
    lists
        .concat()
        .into_iter()
        .find(|row| row["id"] == id.to_string())
        .unwrap_or_else(|| panic!("{table} {id}: {answer}"))
}

/// The row as a phone sends it back, with these columns changed.
pub fn edited(mut row: Value, columns: &[(&str, Value)]) -> Value {
    for (name, value) in columns {
        row[*name] = value.clone();
    }
    row["_status"] = json!("updated");
    row["_changed"] = json!(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));
    row["updated_at"] = json!(1_795_000_000_000_i64);
    row
}

pub fn updated(table: &str, rows: &[Value]) -> Value {
    json!({table: {"created": [], "updated": rows, "deleted": []}})
}
