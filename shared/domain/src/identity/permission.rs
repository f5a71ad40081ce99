//! Section 4 of the product as one table. Handlers name a permission in their signature (`web::Require`), and
//! row-level security (`shared/schema/policies`) holds the same rules on rows.

use super::Role;

/// Something that only some roles may do.
pub trait Permission: Send + Sync {
    /// As the product names it.
    const NAME: &'static str;
    /// The roles that have it.
    const ROLES: &'static [Role];
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal => [$($role:ident),+ $(,)?];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Permission for $name {
            const NAME: &'static str = $text;
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )+};
}

permissions! {
    /// See the clients that row-level security shows.
    ClientsRead = "clients.read" => [Admin, Coordinator, Nurse, CareAide];
    /// Create and change clients, care plans, care teams, consents.
    ClientsWrite = "clients.write" => [Admin, Coordinator];
    /// Remove a client (softly).
    ClientsDelete = "clients.delete" => [Admin, Coordinator];
    /// Take out everything held on a client.
    ClientsExport = "clients.export" => [Admin, Coordinator];
    /// See the care plans of those clients; care aides are told what to do by their tasks.
    CarePlansRead = "clients.read" => [Admin, Coordinator, Nurse];
    /// See visits of visible clients.
    VisitsRead = "visits.read" => [Admin, Coordinator, Nurse, CareAide];
    /// Plan any visit, or document one's own.
    VisitsWrite = "visits.write" => [Admin, Coordinator, Nurse, CareAide];
    /// Remove a visit (softly).
    VisitsDelete = "visits.delete" => [Admin, Coordinator];
    /// See all users and their devices.
    UsersRead = "users.read" => [Admin, Coordinator];
    /// Invite and change users that one's role manages.
    UsersWrite = "users.write" => [Admin, Coordinator];
    /// Remove a user (softly).
    UsersDelete = "users.delete" => [Admin];
    /// Hold one's clients and visits on a phone, and bring back what was done.
    SyncUse = "visits.read" => [Admin, Coordinator, Nurse, CareAide];
    /// See photos of visible clients, visits and colleagues; a family those that are shared with it.
    PhotosRead = "photos.read" => [Admin, Coordinator, Nurse, CareAide, Family];
    /// Add photos, signatures and documents, and change and remove one's own; coordinators any.
    PhotosWrite = "photos.write" => [Admin, Coordinator, Nurse, CareAide];
    /// Settle what two people changed at the same time.
    ConflictsSettle = "visits.write" => [Admin, Coordinator];
    /// Settle what phones sent and the server couldn't take.
    RefusalsSettle = "visits.write" => [Admin, Coordinator];
    /// Ask for help, and see who has.
    AlertsRaise = "visits.write" => [Admin, Coordinator, Nurse, CareAide];
    /// Take an alert: it is then theirs.
    AlertsAnswer = "alerts.answer" => [Admin, Coordinator];
    /// The family's view of a client; coordinators may see it too, to know what a family reads.
    FamilyRead = "family.read" => [Admin, Coordinator, Family];
    /// See which colleagues are there.
    PresenceRead = "visits.read" => [Admin, Coordinator, Nurse, CareAide];
    /// Keep the registers of privacy: requests, breaches, holds; and read the audit log.
    PrivacyManage = "privacy.manage" => [Admin];
    /// See who looked at a client or changed them.
    AccessLogRead = "access_log.read" => [Admin, Coordinator];
    /// What everybody may: their own account.
    SignedIn = "signed_in" => [Admin, Coordinator, Nurse, CareAide, Family];
}
