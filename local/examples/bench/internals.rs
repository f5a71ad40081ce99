//! All that the benchmark takes from the functions' own crates, in one place: the rest speaks HTTP and SQL.

pub use auth::password::hash_password;
pub use local::{
    gateway::{Sent, event},
    prepare,
};
pub use runtime::{aws::aws_config, lambda::Fatal};
