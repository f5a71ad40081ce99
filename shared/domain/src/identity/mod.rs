//! Who is calling, and what their role may do.

mod caller;
mod role;

pub use caller::{About, Caller, JobIdentity, Session, Webhook};
pub use role::{
    AlertsAnswer, AlertsRaise, CarePlansRead, ClientsDelete, ClientsRead, ClientsWrite, ConflictsSettle, FamilyRead,
    Permission, PhotosRead, PhotosWrite, Role, SignedIn, SyncUse, UsersDelete, UsersRead, UsersWrite, VisitsDelete,
    VisitsRead, VisitsWrite,
};
