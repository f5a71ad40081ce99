//! What a phone is told of its push.

use std::collections::BTreeMap;

use serde::Serialize;
use store::reads::sync_push::Refused;
use utoipa::ToSchema;

use crate::plan::Plan;

/// A record that was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"table": "visit_tasks", "id": "0193a5b0-0000-7000-8000-0000000000b1",
    "reason": "tasks of the type vitals are for nurses"}))]
pub struct Rejected {
    /// The table that the record was sent for.
    table: String,
    /// The record's id, as it was sent.
    id: String,
    /// Why. The record is kept as it came.
    reason: String,
}

/// What became of a push.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"experimentalRejectedIds": {}, "rejected": [], "applied": 3, "unchanged": 1,
    "conflicts": 0}))]
pub struct PushResult {
    /// For `WatermelonDB`: what stays dirty on the phone. Not the deletions among them that are refused: the phone
    /// forgets those, and gets the records back with its next pull.
    #[schema(value_type = Object)]
    experimental_rejected_ids: BTreeMap<String, Vec<String>>,
    /// All that was not taken, with reasons.
    pub(crate) rejected: Vec<Rejected>,
    /// How many records changed something.
    pub(crate) applied: usize,
    /// How many the server had already.
    pub(crate) unchanged: usize,
    /// How many columns two people had changed.
    pub(crate) conflicts: usize,
}

impl From<Plan> for PushResult {
    fn from(plan: Plan) -> Self {
        let mut result = Self {
            experimental_rejected_ids: BTreeMap::new(),
            rejected: Vec::new(),
            applied: plan.applied,
            unchanged: plan.unchanged,
            conflicts: plan.conflicts.len(),
        };
        for Refused { told_table: table, told_id: id, reason, .. } in plan.refused {
            let returned = id.parse().is_ok_and(|id| plan.returned.iter().any(|known| *known == (&table, id)));
            if !returned {
                result.experimental_rejected_ids.entry(table.clone()).or_default().push(id.clone());
            }
            result.rejected.push(Rejected { table, id, reason });
        }
        result
    }
}

impl PushResult {
    /// How many records were in the push.
    pub(crate) fn records(&self) -> usize {
        self.applied + self.unchanged + self.rejected.len()
    }
}
