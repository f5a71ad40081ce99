//! Two values for one column: which of them the record has, and what a person makes of it.

use serde_json::Value;
use uuid::Uuid;

use crate::text_enum;

/// Two values for one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnConflict {
    /// The column's name.
    pub column: String,
    /// What the server had.
    pub server_value: Value,
    /// What the device sent.
    pub device_value: Value,
    /// Who gave the server its value.
    pub server_user_id: Option<Uuid>,
    /// Which of the two the record has.
    pub resolution: Resolution,
}

/// What is done about two values by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The record has the server's value, until a person decides.
    Server,
    /// It has the device's: it arrived later.
    Device,
    /// It has the server's: the device itself wrote it, later than what arrives now.
    Overtaken,
    /// Neither: the record is deleted. The side that deleted it has no value.
    Deleted,
}

impl Resolution {
    /// The side whose value the record has.
    #[must_use]
    pub fn stored_side(self) -> StoredSide {
        match self {
            Self::Server | Self::Overtaken => StoredSide::Server,
            Self::Device => StoredSide::Device,
            Self::Deleted => StoredSide::Deleted,
        }
    }

    /// Whether a person must decide.
    #[must_use]
    pub fn status(self) -> ConflictStatus {
        match self {
            Self::Server | Self::Deleted => ConflictStatus::NeedsReview,
            Self::Device | Self::Overtaken => ConflictStatus::AutoResolved,
        }
    }
}

text_enum! {
    /// A conflict's status.
    #[schema(example = "needs_review")]
    pub enum ConflictStatus {
        /// The later arrival won; the other value is kept here.
        AutoResolved,
        /// What stands does so until a person decides.
        NeedsReview,
        /// A person has decided.
        Resolved,
    }
}

text_enum! {
    /// What the record has while nobody has decided.
    #[schema(example = "server")]
    pub enum StoredSide {
        /// The server's value.
        Server,
        /// The device's value.
        Device,
        /// Neither: one side deleted the record, and has no value here.
        Deleted,
    }
}

text_enum! {
    /// What a person keeps.
    #[schema(example = "device")]
    pub enum Choice {
        /// What the server had.
        Server,
        /// What the device sent.
        Device,
        /// What the record has by now, whatever that is; of a deleted record, that it is deleted.
        Current,
    }
}
