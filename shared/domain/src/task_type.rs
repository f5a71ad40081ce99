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

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn care_aides_write_what_is_not_clinical_and_families_nothing() {
        for task_type in TaskType::iter() {
            let clinical = ["vitals", "medication", "wound_care"].contains(&task_type.into());
            assert_eq!(task_type.is_clinical(), clinical, "{task_type:?}");
            for role in [Role::Admin, Role::Coordinator, Role::Nurse] {
                assert!(task_type.writable_by(role), "{task_type:?} by {role:?}");
            }
            assert_eq!(task_type.writable_by(Role::CareAide), !clinical, "{task_type:?}");
            assert!(!task_type.writable_by(Role::Family), "{task_type:?}");
        }
    }
}
