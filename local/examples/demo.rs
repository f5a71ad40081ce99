//! Loads the demo data: `cargo run --example demo -- --clients 2000 --visits 200000`, or without either for the week.

use std::env;

use local::demo::{self, Sizes};
use runtime::lambda::Fatal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let sizes = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--clients", clients, "--visits", visits] => Some(Sizes::new(clients.parse()?, visits.parse()?)?),
        _ => return Err("usage: demo [--clients NUMBER --visits NUMBER]".into()),
    };
    demo::load(&env::var("DATABASE_ADMIN_URL")?.parse()?, sizes).await
}
