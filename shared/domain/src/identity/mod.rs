//! Who is calling, and what their role may do.

/// How long a refresh token is good for, in seconds: as long as a session may stand without being used.
pub const REFRESH_TOKEN_SECONDS: i64 = 7 * 24 * 60 * 60;

mod caller;
mod role;

pub use caller::{About, Caller, JobIdentity, Session, Webhook};
pub use role::{
    AlertsAnswer, AlertsRaise, CarePlansRead, ClientsDelete, ClientsRead, ClientsWrite, ConflictsSettle, FamilyRead,
    Permission, PhotosRead, PhotosWrite, Role, SignedIn, SyncUse, UsersDelete, UsersRead, UsersWrite, VisitsDelete,
    VisitsRead, VisitsWrite,
};
