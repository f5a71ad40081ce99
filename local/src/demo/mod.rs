//! The demo data: a week of one agency in Toronto, around today's date, and large sets of the same kind.
//!
//! Everything goes through `store`, as the people it is about: the coordinator plans, the caregivers check in. So
//! rows are numbered, logged and audited like any others. Running it again changes nothing; on a later day it adds the
//! days that are missing.

mod many;
mod people;
mod plan;
mod tasks;
mod visit;
mod week;

use app::DatabaseConfig;
use auth::second_factor::SeedKeys;
use domain::{
    error::Error,
    identity::{Caller, JobIdentity},
    request::RequestInfo,
};
use jiff::Timestamp;
use runtime::{
    aws::aws_config,
    config::Environment,
    lambda::Fatal,
    secrets::{SecretName, Secrets},
};
use store::{
    Db, StatementMode,
    tables::{
        accounts::{self, SignInDevice},
        devices::{self, Platform},
        idempotency, users,
    },
};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::prepare::second_factor_keys;
pub use many::Sizes;
use people::{ADMIN, AGENCY, COORDINATOR};
use plan::Clock;
use week::{DOCUMENTED_VISIT, Week};

const PASSWORD: &str = "berthcare-demo";
/// As base32 in local/totp.py and on the documentation page.
const ADMIN_SEED: &[u8] = b"berthcare-demo-admin";
const TIME_ZONE: &str = "America/Toronto";

/// Loads what is missing, with a large set beside the week where `sizes` asks for one. `admin` is a superuser's way to
/// the database's server.
pub async fn load(admin: &tokio_postgres::Config, sizes: Option<Sizes>) -> Result<(), Fatal> {
    let secrets = Secrets::new(&aws_config().await, &Environment::from_env()?.name);
    let config = DatabaseConfig::from_env()?;
    let connect = |secret| Db::new(config.source(secret, &secrets), StatementMode::Named);
    // Accounts and sessions are made as by whoever owns the schema; all else under row-level security.
    let (accounts, db) = (connect(SecretName::MigrateDatabase), connect(SecretName::JobsDatabase));
    let clock = Clock::new(Timestamp::now())?;

    let owner = crate::prepare::connect(admin.clone().user("berthcare_migrate").dbname("berthcare")).await?;
    found_agency(&owner).await?;
    let users = people::load_users(&accounts, &people::demo_users()?).await?;
    say(users, "users");
    enrol_admin(&owner).await?;

    let job = JobIdentity { agency_id: AGENCY };
    let clients = people::demo_clients()?;
    let ids = clients.iter().map(|client| client.id).chain([DOCUMENTED_VISIT]).collect();
    let known = idempotency::known(&db, &job, ids).await?;
    let new_clients: Vec<_> = clients.iter().filter(|client| !known.contains(&client.id)).collect();
    let week = Week::plan(&clients, &clock, !known.contains(&DOCUMENTED_VISIT))?;
    let new_visits = week.missing(&db).await?;
    if new_clients.is_empty() && new_visits.is_empty() && sizes.is_none() {
        return Ok(());
    }

    let Some(coordinator) = sign_in(&accounts, COORDINATOR).await? else {
        println!("The demo coordinator can't sign in, so nothing is added: delete the data with `make reset`.");
        return Ok(());
    };
    let added = people::load_clients(&db, &coordinator, new_clients.into_iter(), clock.today).await?;
    say(added, "clients");
    if !new_visits.is_empty() {
        week.load(&db, &accounts, &coordinator, &new_visits).await?;
        say(new_visits.len(), "visits");
    }
    if let Some(sizes) = sizes {
        many::load(&db, &coordinator, sizes, &clock).await?;
        // PostgreSQL would get to it within minutes; who measures doesn't wait.
        owner.batch_execute("vacuum analyze").await?;
    }
    sign_out(&db, &coordinator).await
}

fn say(added: usize, what: &str) {
    if added > 0 {
        println!("{added} {what} added");
    }
}

/// The one thing that no model can do: an agency is opened by whoever owns the schema, and by no request.
async fn found_agency(owner: &tokio_postgres::Client) -> Result<(), Fatal> {
    owner
        .execute_typed(
            "insert into agencies (id, name, time_zone) values ($1, 'Harbour Home Care', $2) on conflict do nothing",
            &[(&AGENCY, Type::UUID), (&TIME_ZONE, Type::TEXT)],
        )
        .await?;
    Ok(())
}

/// The admin's second factor, whose seed everybody knows: `make totp` prints its code.
async fn enrol_admin(owner: &tokio_postgres::Client) -> Result<(), Fatal> {
    let keys: SeedKeys = serde_json::from_value(second_factor_keys())?;
    let (key_id, sealed) = keys.seal(ADMIN, ADMIN_SEED)?;
    owner
        .execute_typed(
            "insert into second_factors (user_id, agency_id, key_id, sealed_seed, confirmed_at)
             values ($1, $2, $3, $4, now()) on conflict do nothing",
            &[(&ADMIN, Type::UUID), (&AGENCY, Type::UUID), (&key_id, Type::TEXT), (&sealed, Type::BYTEA)],
        )
        .await?;
    Ok(())
}

fn request() -> RequestInfo {
    RequestInfo::new("demo", "demo-data".into(), ("EVENT", "demo-data"))
}

/// Signs somebody in on a device of the loader's own. None where they were suspended or deleted meanwhile.
async fn sign_in(db: &Db, user_id: Uuid) -> Result<Option<Caller>, Fatal> {
    let device_id = Uuid::new_v5(&user_id, b"demo data");
    let session_id = Uuid::now_v7();
    let device = SignInDevice {
        id: device_id,
        name: "Demo data",
        platform: Platform::Web,
        app_version: env!("CARGO_PKG_VERSION"),
    };
    match accounts::start_session(db, user_id, (session_id, false), &device, &request()).await {
        Err(Error::BadCredentials | Error::DeviceRevoked) => return Ok(None),
        other => other?,
    }
    let user = users::find(db, &JobIdentity { agency_id: AGENCY }, user_id).await?;
    Ok(user.map(|user| Caller {
        user_id,
        agency_id: AGENCY,
        role: user.role,
        device_id,
        session_id,
        authenticated_at: Timestamp::now(),
        request: request(),
    }))
}

async fn sign_out(db: &Db, caller: &Caller) -> Result<(), Fatal> {
    let mut tx = db.write_unsynced(caller).await?;
    devices::end_session(&mut tx, caller.device_id).await?;
    Ok(tx.commit().await?)
}
