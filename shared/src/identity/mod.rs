//! Who is calling, what their role may do, and how that is proven.

mod caller;
mod password;
mod role;
mod token;

pub use caller::{Caller, Job, May, Session, Webhook};
pub use password::{hash_password, verify_password};
pub use role::{
    AlertsAnswer, AlertsRaise, CarePlansRead, ClientsDelete, ClientsRead, ClientsWrite, ConflictsSettle, FamilyRead,
    Permission, PhotosRead, PhotosWrite, Role, SignedIn, SyncUse, UsersDelete, UsersRead, UsersWrite, VisitsDelete,
    VisitsRead, VisitsWrite,
};
pub use token::{ACCESS_TOKEN_SECONDS, AUDIENCE, Claims, SigningKey, TokenVerifier, issuer};
