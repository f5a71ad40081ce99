//! What a phone is told of its push.

use std::collections::BTreeMap;

use domain::answer::{ANSWER_BYTES, bytes_in_answer};
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

impl Rejected {
    /// What it takes in an answer, about.
    fn bytes(&self) -> usize {
        [&self.table, &self.id, &self.reason].map(|text| bytes_in_answer(text)).iter().sum::<usize>() + 50
    }
}

/// No id that a phone makes is longer, in bytes.
const LONGEST_ID: usize = 100;
/// What the refusals with their reasons may take. Their ids, as `WatermelonDB` needs them, take half of the rest.
const MOST_TOLD: usize = ANSWER_BYTES / 2;

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
    /// What was not taken, with reasons: as much as one answer takes. All of it is kept.
    pub(crate) rejected: Vec<Rejected>,
    #[serde(skip)]
    refused: usize,
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
            refused: plan.refused.len(),
            applied: plan.applied,
            unchanged: plan.unchanged,
            conflicts: plan.conflicts.len(),
        };
        let mut told = 0;
        for Refused { told_table: table, told_id: id, reason, .. } in plan.refused {
            let returned = id.parse().is_ok_and(|id| plan.returned.iter().any(|known| *known == (&table, id)));
            // No phone holds a longer one.
            if !returned && id.len() <= LONGEST_ID {
                result.experimental_rejected_ids.entry(table.clone()).or_default().push(id.clone());
            }
            if told < MOST_TOLD {
                let rejected = Rejected { table, id: id.chars().take(LONGEST_ID).collect(), reason };
                told += rejected.bytes();
                result.rejected.push(rejected);
            }
        }
        result
    }
}

impl PushResult {
    /// How many records were in the push.
    pub(crate) fn records(&self) -> usize {
        self.applied + self.unchanged + self.refused
    }
}
