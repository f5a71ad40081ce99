//! Who is calling, and what their role may do.

mod caller;
mod permission;
mod role;

pub use caller::{About, AccountService, Caller, JobIdentity, Operator, OwnAccount, Session, UploadReview, Webhook};
pub use permission::{
    AccessLogRead, AlertsAnswer, AlertsRaise, CarePlansRead, ClientsDelete, ClientsExport, ClientsRead, ClientsWrite,
    ConflictsSettle, FamilyRead, Permission, PhotosRead, PhotosWrite, PresenceRead, PrivacyManage, RefusalsSettle,
    SignedIn, SyncUse, UsersDelete, UsersRead, UsersWrite, VisitsDelete, VisitsRead, VisitsWrite,
};
pub use role::Role;
