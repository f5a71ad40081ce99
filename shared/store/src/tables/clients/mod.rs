//! The people who are cared for.

mod record;

use domain::{
    consent::ConsentState,
    error::{Error, Reference},
};
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Param, Tx, audited, audited_page};

pub use record::{
    Address, Client, ClientFields, ClientRow, ClientSummary, EmergencyContact, EmergencyContacts, EnteredClient,
    PossibleDuplicate,
};

/// Which clients to list.
#[derive(Debug, Default)]
pub struct ClientFilter {
    /// Whose name has all of these words or parts of words, in whatever order, case and spelling.
    pub name: Option<String>,
    /// Whom this coordinator plans for.
    pub coordinator_id: Option<Uuid>,
    /// Whose consent to keeping care records stands so.
    pub data_collection_consent: Option<ConsentState>,
    /// After the client of this place among the names, and id.
    pub after: Option<(String, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "c.id, c.id as client_id, c.first_name, c.last_name, c.date_of_birth, c.phone, c.preferred_language, c.address,
         c.latitude, c.longitude, c.emergency_contacts, c.risks, c.coordinator_id, c.care_plan, c.care_plan_version,
         app.consent_state(c.id, 'data_collection') as data_collection_consent,
         app.consent_state(c.id, 'photos') as photos_consent, c.change_number, c.created_at, c.updated_at"
    };
}

/// Clients by name. The search is for parts of the name; `%` and `_` are themselves.
pub async fn list(db: &Db, who: &impl Identity, filter: ClientFilter) -> Result<Vec<ClientSummary>, DbError> {
    let (sort_name, id) = filter.after.unzip();
    db.read(
        who,
        audited_page!(
            "client.list",
            "client",
            "$5",
            "select c.id, c.id as client_id, c.first_name, c.last_name, c.phone, c.preferred_language, c.address,
               c.risks, c.coordinator_id, c.updated_at, c.sort_name
             from clients c
             where c.deleted_at is null
               and ($1::text is null or (
                 select bool_and(position(word in c.search_name) > 0)
                 from unnest((select string_to_array(app.searchable($1), ' '))) word))
               and ($2::uuid is null or c.coordinator_id = $2)
               and ($4::uuid is null or (c.sort_name, c.id) > ($3, $4))
               and ($6::text is null or app.consent_state(c.id, 'data_collection') = $6)
             order by c.sort_name, c.id limit $5"
        ),
        &[
            &filter.name,
            &filter.coordinator_id,
            &sort_name,
            &id,
            &filter.limit,
            &filter.data_collection_consent.map(<&str>::from),
        ],
    )
    .await
}

/// One client, if the caller may see them.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<ClientRow>, DbError> {
    db.read_opt(
        who,
        audited!(
            "client.read",
            "client",
            "select ",
            columns!(),
            " from clients c where c.id = $1 and c.deleted_at is null"
        ),
        &[&id],
    )
    .await
}

/// Refuses where the caller may not see the client: for lists that are empty for either reason.
pub async fn must_be_visible(db: &Db, who: &impl Identity, id: Uuid) -> Result<(), Error> {
    let found: Option<Found> = db.read_opt(who, EXISTS, &[&id]).await?;
    found.map(drop).ok_or(Error::NotFound)
}

/// Whether the caller may see the client.
pub async fn exists<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<bool, Error> {
    let found: Option<Found> = tx.query_opt(EXISTS, &[&id]).await?;
    Ok(found.is_some())
}

const EXISTS: &str = "select c.id from clients c where c.id = $1 and c.deleted_at is null";

/// One client, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<ClientRow, Error> {
    tx.query_opt(
        concat!("select ", columns!(), " from clients c where c.id = $1 and c.deleted_at is null for no key update"),
        &[&id],
    )
    .await?
    .ok_or(Error::NotFound)
}

/// What is written of a client: the id, and its fields in the order of [`insert`]'s and [`update`]'s parameters.
fn columns_of<'a>(id: &'a Uuid, client: &'a ClientFields) -> [&'a dyn Param; 12] {
    [
        id,
        &client.first_name,
        &client.last_name,
        &client.date_of_birth,
        &client.phone,
        &client.preferred_language,
        &client.address,
        &client.latitude,
        &client.longitude,
        &client.emergency_contacts,
        &client.risks,
        &client.coordinator_id,
    ]
}

/// Adds a client.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, client: &ClientFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("client.create", "client", id, Some(id)));
    tx.execute(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, phone, preferred_language, address,
           latitude, longitude, emergency_contacts, risks, coordinator_id)
         values ($1, app.agency_id(), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &columns_of(&id, client),
    )
    .await
    .on_constraint("clients_coordinator_fkey", || Error::Unusable(Reference::Coordinator))
}

/// Which other clients this one may be: by name, day of birth and number. Who comes closest comes first.
pub async fn possible_duplicates<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Vec<PossibleDuplicate>, Error> {
    let found: Vec<PossibleDuplicate> = tx
        .query(
            "with entered as materialized (
               select c.*, app.searchable(c.first_name) as first, app.searchable(c.last_name) as last
               from clients c where c.id = $1)
             select o.id, o.first_name, o.last_name, array_remove(array[
               case when m.name then 'name' end, case when m.born then 'date_of_birth' end,
               case when m.phone then 'phone' end], null) as because
             from entered c
             join clients o on o.agency_id = c.agency_id and o.id <> c.id and o.deleted_at is null
               and (o.phone = c.phone or o.date_of_birth = c.date_of_birth
                 or position(c.first in o.search_name) > 0 and position(c.last in o.search_name) > 0)
             cross join lateral (
               select app.searchable(o.first_name) as first, app.searchable(o.last_name) as last) n
             cross join lateral (
               select (c.first, c.last) in ((n.first, n.last), (n.last, n.first)) as name,
                 c.date_of_birth = o.date_of_birth as born, coalesce(c.phone = o.phone, false) as phone,
                 c.first = n.first or c.last = n.last as one_name) m
             where m.name or m.phone or m.born and m.one_name
             order by m.name::integer + m.born::integer + m.phone::integer desc, o.sort_name, o.id limit 10",
            &[&id],
        )
        .await?;
    for other in &found {
        tx.audit(AuditEntry::new("client.list", "client", other.id, Some(other.id)));
    }
    Ok(found)
}

/// Writes a client's fields.
pub async fn update<I: Identity>(tx: &mut Tx<I>, id: Uuid, client: &ClientFields) -> Result<ClientRow, Error> {
    tx.audit(AuditEntry::new("client.update", "client", id, Some(id)));
    tx.query_opt(
        concat!(
            "update clients c set first_name = $2, last_name = $3, date_of_birth = $4, phone = $5,
               preferred_language = $6, address = $7, latitude = $8, longitude = $9, emergency_contacts = $10,
               risks = $11, coordinator_id = $12
             where c.id = $1 returning ",
            columns!()
        ),
        &columns_of(&id, client),
    )
    .await
    .on_constraint("clients_coordinator_fkey", || Error::Unusable(Reference::Coordinator))?
    .ok_or(Error::NotFound)
}

/// Removes a client, softly.
pub async fn delete<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<(), Error> {
    tx.audit(AuditEntry::new("client.delete", "client", id, Some(id)));
    tx.execute_one("update clients set deleted_at = now() where id = $1 and deleted_at is null returning id", &[&id])
        .await
}

/// Whether visits to a client are still to come or under way.
pub async fn has_open_visits<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<bool, Error> {
    #[derive(FromRow)]
    struct Open {
        open: bool,
    }
    let answer: Option<Open> = tx
        .query_opt(
            "select exists (select from visits v where v.client_id = $1 and v.deleted_at is null
               and (v.status = 'in_progress' or (v.status = 'scheduled' and v.scheduled_end > now()))) as open",
            &[&id],
        )
        .await?;
    Ok(answer.is_some_and(|answer| answer.open))
}

#[derive(FromRow)]
struct Found {
    #[allow(dead_code, reason = "that there is a row is what counts")]
    id: Uuid,
}
