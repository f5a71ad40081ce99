//! The types of tasks, and which roles write them.

use crate::{identity::Role, text_enum};

text_enum! {
    /// What kind of task.
    #[schema(example = "vitals")]
    pub enum TaskType {
        /// Vital signs.
        Vitals,
        /// A dose of a medicine.
        Medication,
        /// Washing, dressing.
        PersonalCare,
        /// Cooking, help with eating.
        Meals,
        /// Walking, transfers.
        Mobility,
        /// Dressings.
        WoundCare,
        /// Company.
        Companionship,
        /// The household.
        Housekeeping,
        /// Anything else.
        Other,
    }
}

impl TaskType {
    /// Whether only nurses may write it.
    #[must_use]
    pub fn is_clinical(self) -> bool {
        matches!(self, Self::Vitals | Self::Medication | Self::WoundCare)
    }

    /// Whether `role` may write it.
    #[must_use]
    pub fn writable_by(self, role: Role) -> bool {
        match role {
            Role::Admin | Role::Coordinator | Role::Nurse => true,
            Role::CareAide => !self.is_clinical(),
            Role::Family => false,
        }
    }
}
