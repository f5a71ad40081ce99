//! The tables and their columns, parents first.

use super::{AUTHOR, Column, Entity, Group, Kind, Table};
use crate::limits::{DOCUMENT_BYTES, LEAST_ACCURACY_M};

const fn col(name: &'static str, kind: Kind) -> Column {
    Column::new(name, kind)
}

const LATITUDE: Kind = Kind::Number(-90.0, 90.0);
const LONGITUDE: Kind = Kind::Number(-180.0, 180.0);
const METRES: Kind = Kind::Number(0.0, 1e9);
const ACCURACY: Kind = Kind::Number(0.0, LEAST_ACCURACY_M);
/// Versions, levels.
const COUNT: Kind = Kind::Whole(0, 1_000_000_000);
const CREATED_AT: Column = col("created_at", Kind::Moment).server();
const UPDATED_AT: Column = col("updated_at", Kind::Moment).server();
/// Who wrote what the server hasn't taken yet: the app sets it, and the server gives none back.
const WRITTEN_BY: Column = col(AUTHOR, Kind::Id).optional().since(3).server();

/// Everything that phones hold, parents first.
pub const TABLES: &[Table] = &[
    Table {
        name: "clients",
        entity: Entity::Client,
        since: 1,
        stamped: &[],
        given: &[],
        columns: &[
            col("first_name", Kind::Text(100)),
            col("last_name", Kind::Text(100)),
            col("date_of_birth", Kind::Day).optional().not_for_aides(),
            col("phone", Kind::Text(16)).optional(),
            col("preferred_language", Kind::Text(35)),
            col("address", Kind::Json),
            col("latitude", LATITUDE).optional(),
            col("longitude", LONGITUDE).optional(),
            col("emergency_contacts", Kind::Json),
            col("risks", Kind::Words),
            col("care_plan", Kind::Json).optional().server().not_for_aides(),
            col("care_plan_version", COUNT).optional().server().not_for_aides(),
            col("coordinator_id", Kind::Id).optional().server(),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
    Table {
        name: "visits",
        entity: Entity::Visit,
        since: 1,
        stamped: &["check_in_received_at", "check_out_received_at"],
        given: &[],
        columns: &[
            Column::id_of("client_id", Entity::Client).indexed().once(),
            col("user_id", Kind::Id).indexed().once(),
            col("scheduled_start", Kind::Moment).indexed().planned(),
            col("scheduled_end", Kind::Moment).planned(),
            col("actual_start", Kind::Moment).optional().clinical().part_of(Group::CheckIn),
            col("check_in_latitude", LATITUDE).optional().clinical().part_of(Group::CheckIn),
            col("check_in_longitude", LONGITUDE).optional().clinical().part_of(Group::CheckIn),
            col("check_in_accuracy_m", ACCURACY).optional().clinical().part_of(Group::CheckIn),
            col("check_in_distance_m", METRES).optional().server(),
            col("actual_end", Kind::Moment).optional().clinical().part_of(Group::CheckOut),
            col("check_out_latitude", LATITUDE).optional().clinical().part_of(Group::CheckOut),
            col("check_out_longitude", LONGITUDE).optional().clinical().part_of(Group::CheckOut),
            col("check_out_accuracy_m", ACCURACY).optional().clinical().part_of(Group::CheckOut),
            col("check_out_distance_m", METRES).optional().server(),
            col("status", Kind::Word(&["scheduled", "in_progress", "completed", "cancelled", "missed"]))
                .part_of(Group::Status),
            col("cancel_reason", Kind::Text(500)).optional().part_of(Group::Status),
            col("notes", Kind::Text(10_000)).optional(),
            col("family_note", Kind::Text(2_000)).optional().since(2),
            CREATED_AT,
            UPDATED_AT,
            WRITTEN_BY,
        ],
    },
    Table {
        name: "visit_tasks",
        entity: Entity::VisitTask,
        since: 1,
        stamped: &[],
        given: &[],
        columns: &[
            Column::id_of("visit_id", Entity::Visit).indexed().once(),
            col(
                "task_type",
                Kind::Word(&[
                    "vitals",
                    "medication",
                    "personal_care",
                    "meals",
                    "mobility",
                    "wound_care",
                    "companionship",
                    "housekeeping",
                    "other",
                ]),
            ),
            col("title", Kind::Text(200)),
            col("completed", Kind::Flag),
            col("completed_at", Kind::Moment).optional(),
            col("outcome", Kind::Text(2_000)).optional(),
            col("data", Kind::Json).optional().clinical(),
            CREATED_AT,
            UPDATED_AT,
            WRITTEN_BY,
        ],
    },
    Table {
        name: "photos",
        entity: Entity::Photo,
        since: 1,
        stamped: &[],
        given: &["status", "version"],
        columns: &[
            Column::id_of("client_id", Entity::Client).optional().indexed().once(),
            Column::id_of("visit_id", Entity::Visit).optional().indexed().once(),
            col("user_id", Kind::Id).optional().once(),
            col("kind", Kind::Word(&["photo", "signature", "profile", "document"])).once(),
            col("shared_with_family", Kind::Flag),
            col(
                "content_type",
                Kind::Word(&["image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf"]),
            )
            .once(),
            col("bytes", Kind::Whole(1, DOCUMENT_BYTES)).once(),
            col("sha256", Kind::Digest).once(),
            col("status", Kind::Word(&["pending", "stored", "rejected"])).server(),
            col("taken_at", Kind::Moment).optional(),
            col("caption", Kind::Text(500)).optional(),
            CREATED_AT,
            UPDATED_AT,
            WRITTEN_BY,
        ],
    },
    Table {
        name: "alerts",
        entity: Entity::Alert,
        since: 2,
        stamped: &[],
        given: &["raised_by", "status", "escalation_level"],
        columns: &[
            Column::id_of("client_id", Entity::Client).indexed().once(),
            Column::id_of("visit_id", Entity::Visit).optional().once(),
            col("raised_by", Kind::Id).optional().server(),
            col("severity", Kind::Word(&["low", "medium", "high", "critical"])).once(),
            col("reason", Kind::Text(100)).once(),
            col("message", Kind::Text(2_000)).optional(),
            col("status", Kind::Word(&["open", "calling", "acknowledged", "resolved", "expired"])).server(),
            col("acknowledged_by", Kind::Id).optional().server(),
            col("acknowledged_at", Kind::Moment).optional().server(),
            col("escalation_level", COUNT).server(),
            CREATED_AT,
            UPDATED_AT,
            WRITTEN_BY,
        ],
    },
];
