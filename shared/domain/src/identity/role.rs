//! What somebody is in their agency, and whom that lets them manage.

use crate::text_enum;

text_enum! {
    /// What somebody is in their agency.
    #[derive(Hash, strum::Display)]
    #[schema(example = "nurse")]
    pub enum Role {
        /// Runs the installation: users, devices, audit, privacy requests.
        Admin,
        /// Plans visits and answers alerts.
        Coordinator,
        /// Visits clients; every task type.
        Nurse,
        /// Visits clients; the non-clinical task types.
        CareAide,
        /// Reads along for the clients they are linked to.
        Family,
    }
}

impl Role {
    /// Whether this role may create and change users of `other`'s role.
    #[must_use]
    pub fn manages(self, other: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Coordinator => matches!(other, Self::Nurse | Self::CareAide | Self::Family),
            _ => false,
        }
    }

    /// Whether this role reaches anything but its own account only with a second factor.
    #[must_use]
    pub fn needs_second_factor(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether this role sees and plans for the whole agency, rather than for the clients it is linked to.
    #[must_use]
    pub fn sees_agency(self) -> bool {
        matches!(self, Self::Admin | Self::Coordinator)
    }

    /// Whether this role visits clients, so that visits can be scheduled to it.
    #[must_use]
    pub fn gives_care(self) -> bool {
        !matches!(self, Self::Family)
    }
}
