//! Large sets, for benchmarks: any number of clients and visits beside the week, some hundreds in a transaction.

use std::{
    collections::HashSet,
    io::Write,
    time::{Duration, Instant},
};

use domain::{
    identity::{Caller, Role},
    messages::Locale,
    task_type::TaskType::{Companionship, Housekeeping, Meals, Mobility, PersonalCare},
};
use jiff::ToSpan;
use runtime::lambda::Fatal;
use store::{
    Db,
    tables::{
        care_plans::{CarePlan, PlannedMedication},
        care_team,
        clients::{Address, ClientFields, EmergencyContact, EmergencyContacts},
        consents::ConsentKind,
        idempotency,
        users::UserFields,
        visit_tasks, visits,
    },
};
use uuid::Uuid;

use super::{
    people::{self, AGENCY, COORDINATOR, DemoClient, DemoConsent, DemoUser},
    plan::{Clock, PlannedVisit, Stop, Turn},
    tasks::{
        Dice,
        Sign::{Oxygen, Pain, Pressure, Pulse, Temperature},
        Todo,
    },
};

/// How many clients one caregiver visits each day.
const ROUND: usize = 8;
/// How many visits share a transaction.
const BATCH: usize = 200;
/// Of the days that are filled, how many are still to come, today included.
const DAYS_TO_COME: i64 = 7;

const FIRST_NAMES: [&str; 24] = [
    "Agnes", "Ahmed", "Beatriz", "Chantal", "Denis", "Elena", "Étienne", "Farah", "Gordon", "Hiroko", "Irene",
    "Joseph", "Kiran", "Léa", "Malik", "Nadia", "Olive", "Pierre", "Quyen", "Robert", "Sunita", "Tomasz", "Ursula",
    "Yvette",
];
const LAST_NAMES: [&str; 24] = [
    "Abebe",
    "Bouchard",
    "Campbell",
    "Desjardins",
    "Estrada",
    "Ferreira",
    "Gauthier",
    "Huang",
    "Ivanova",
    "Johnson",
    "Kowalski",
    "Lévesque",
    "Morris",
    "Nguyen",
    "O'Brien",
    "Patel",
    "Qureshi",
    "Roy",
    "Singh",
    "Thompson",
    "Umar",
    "Vachon",
    "Wong",
    "Yilmaz",
];
/// A street, the beginning of its postal code, and where it is.
const STREETS: [(&str, &str, f64, f64); 10] = [
    ("Ossington Avenue", "M6G", 43.6602, -79.4242),
    ("Danforth Avenue", "M4J", 43.6808, -79.3370),
    ("Bathurst Street", "M5R", 43.6740, -79.4130),
    ("Queen Street East", "M4M", 43.6610, -79.3390),
    ("Jane Street", "M6S", 43.6650, -79.4920),
    ("Eglinton Avenue West", "M6C", 43.6990, -79.4290),
    ("Mount Pleasant Road", "M4S", 43.7040, -79.3880),
    ("Lawrence Avenue East", "M1R", 43.7440, -79.3020),
    ("Finch Avenue West", "M3J", 43.7640, -79.4910),
    ("The Queensway", "M8Y", 43.6280, -79.4960),
];

const NURSES_TODOS: [&[Todo]; 3] = [
    &[
        Todo::Vitals("Blood pressure and pulse", &[Pressure, Pulse]),
        Todo::Medication { name: "Ramipril", dose: "5 mg", route: "oral", when: "in the morning" },
        Todo::Plain(Mobility, "Walk in the hallway"),
    ],
    &[
        Todo::Wound("left shin"),
        Todo::Vitals("Temperature and pain", &[Temperature, Pain]),
        Todo::Plain(Companionship, "Time to talk"),
    ],
    &[
        Todo::Vitals("Oxygen saturation and pulse", &[Oxygen, Pulse]),
        Todo::Medication { name: "Furosemide", dose: "20 mg", route: "oral", when: "in the morning" },
        Todo::Plain(Meals, "Two glasses of water"),
    ],
];
const AIDES_TODOS: [&[Todo]; 2] = [
    &[
        Todo::Plain(PersonalCare, "Wash and dress"),
        Todo::Plain(Meals, "Breakfast"),
        Todo::Plain(Housekeeping, "Dishes"),
    ],
    &[
        Todo::Plain(PersonalCare, "Shower"),
        Todo::Plain(Mobility, "Walk around the block"),
        Todo::Plain(Companionship, "Cards"),
    ],
];

/// How much to make, beside the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    clients: usize,
    visits: usize,
}

impl Sizes {
    /// So many clients, and visits to them.
    ///
    /// # Errors
    /// Where there are visits and nobody to visit.
    pub fn new(clients: usize, visits: usize) -> Result<Self, &'static str> {
        if clients == 0 && visits > 0 { Err("visits need clients") } else { Ok(Self { clients, visits }) }
    }

    /// On which days a client is visited, counted from today: all clients equally often.
    fn days_of(self, client: usize) -> std::ops::Range<i64> {
        let visits = self.visits / self.clients + usize::from(client < self.visits % self.clients);
        DAYS_TO_COME - i64::try_from(visits).unwrap_or(i64::MAX)..DAYS_TO_COME
    }
}

/// Makes what is missing of a set of that size. Caregivers are `nurse0001@demo.berthcare.ca` and so on, each with
/// eight clients whom they visit every day.
pub async fn load(db: &Db, coordinator: &Caller, sizes: Sizes, clock: &Clock) -> Result<(), Fatal> {
    let caregivers: Vec<_> = (0..sizes.clients.div_ceil(ROUND)).map(caregiver).collect();
    let added = people::load_users(db, &caregivers).await?;
    super::say(added, "caregivers");

    let clients: Vec<_> = (0..sizes.clients).map(client).collect();
    let known: HashSet<_> = idempotency::known(db, coordinator, clients.iter().map(|client| client.id).collect())
        .await?
        .into_iter()
        .collect();
    let mut progress = Progress::new("clients", clients.len());
    for some in clients.chunks(100) {
        let missing = some.iter().filter(|client| !known.contains(&client.id));
        let added = people::load_clients(db, coordinator, missing, clock.today).await?;
        progress.advance(some.len(), added);
    }
    progress.end();

    // By client, so that few care teams are touched in a transaction.
    let visits: Vec<_> =
        (0..sizes.clients).flat_map(|number| sizes.days_of(number).map(move |day| (number, day))).collect();
    let mut progress = Progress::new("visits", sizes.visits);
    for some in visits.chunks(BATCH) {
        let batch = some.iter().map(|(number, day)| {
            let of = (&clients[*number], &caregivers[number / ROUND]);
            Ok((&clients[*number].fields, visit(of, *number % ROUND, *day, clock)?))
        });
        let added = load_visits(db, coordinator, batch.collect::<Result<_, Fatal>>()?).await?;
        progress.advance(some.len(), added);
    }
    progress.end();
    Ok(())
}

fn numbered(kind: &str, number: usize) -> Uuid {
    Uuid::new_v5(&AGENCY, format!("{kind} {number}").as_bytes())
}

fn name(dice: &mut Dice) -> (String, String) {
    (dice.pick(&FIRST_NAMES).to_owned(), dice.pick(&LAST_NAMES).to_owned())
}

fn phone(dice: &mut Dice) -> String {
    // 555-0100 to 555-0199 belong to nobody.
    format!("+1{}55501{:02}", dice.pick(&["416", "437", "647"]), dice.throw(100))
}

/// Two nurses, then an aide.
fn caregiver(number: usize) -> DemoUser {
    let id = numbered("caregiver", number);
    let mut dice = Dice::new(id);
    let (first_name, last_name) = name(&mut dice);
    let (role, title) = if number % 3 == 2 { (Role::CareAide, "aide") } else { (Role::Nurse, "nurse") };
    let email = format!("{title}{:04}@demo.berthcare.ca", number + 1);
    let phone = phone(&mut dice);
    DemoUser { id, fields: UserFields { email, phone, first_name, last_name, role, locale: Locale::EnCa } }
}

fn client(number: usize) -> DemoClient {
    let id = numbered("client", number);
    let mut dice = Dice::new(id);
    let (first_name, last_name) = name(&mut dice);
    let (street, area, latitude, longitude) = STREETS[dice.throw(10) as usize];
    let near =
        |middle: f64, dice: &mut Dice| ((middle + (f64::from(dice.throw(2000)) - 1000.0) / 1e5) * 1e5).round() / 1e5;
    let medication = PlannedMedication {
        name: "Ramipril".into(),
        dose: "5 mg".into(),
        route: "oral".into(),
        schedule: "every morning".into(),
    };
    let plan = CarePlan {
        summary: dice
            .pick(&["Heart failure", "Diabetes, poor eyesight", "After a stroke", "Frailty, lives alone"])
            .into(),
        goals: vec!["Stay at home".into()],
        medications: vec![medication],
        ..CarePlan::default()
    };
    let fields = ClientFields {
        first_name,
        last_name,
        date_of_birth: jiff::civil::date(
            1930 + i16::try_from(dice.throw(35)).unwrap_or_default(),
            1 + i8::try_from(dice.throw(12)).unwrap_or_default(),
            1 + i8::try_from(dice.throw(28)).unwrap_or_default(),
        ),
        phone: Some(phone(&mut dice)),
        preferred_language: dice.pick(&["en-CA", "en-CA", "en-CA", "fr-CA", "yue", "pa"]).into(),
        address: Address {
            street: format!("{} {street}", 2 + dice.throw(1500)),
            unit: (dice.throw(2) == 0).then(|| (101 + dice.throw(1400)).to_string()),
            city: "Toronto".into(),
            province: "ON".into(),
            postal_code: format!("{area} {}A{}", 1 + dice.throw(9), 1 + dice.throw(9)),
            country: "CA".into(),
            directions: None,
        },
        latitude: Some(near(latitude, &mut dice)),
        longitude: Some(near(longitude, &mut dice)),
        emergency_contacts: EmergencyContacts(vec![EmergencyContact {
            name: "Next of kin".into(),
            relationship: dice.pick(&["daughter", "son", "spouse", "neighbour"]).into(),
            phone: phone(&mut dice),
        }]),
        risks: vec![dice.pick(&["fall risk", "dog in the house", "steep stairs"]).into()],
        coordinator_id: Some(COORDINATOR),
    };
    let consent = DemoConsent {
        id: None,
        kind: ConsentKind::DataCollection,
        granted: true,
        method: "signed form".into(),
        user_id: None,
        given_by: None,
    };
    DemoClient { id, fields, care_plans: vec![plan], team: Vec::new(), consents: vec![consent] }
}

/// A client's visit by their caregiver, so many days from today; `place` is where it stands in the caregiver's round.
fn visit(
    (client, caregiver): (&DemoClient, &DemoUser),
    place: usize,
    day: i64,
    clock: &Clock,
) -> Result<PlannedVisit, Fatal> {
    let day = clock.today.checked_add(day.days())?;
    // By the day, not by a number: tomorrow's run adds a day and leaves the others.
    let id = Uuid::new_v5(&client.id, format!("visit on {day}").as_bytes());
    let mut dice = Dice::new(id);
    let todos = match caregiver.fields.role {
        Role::CareAide => AIDES_TODOS[dice.throw(2) as usize],
        _ => NURSES_TODOS[dice.throw(3) as usize],
    };
    let turn = match dice.throw(100) {
        0..=2 => Turn::Cancelled,
        3 | 4 => Turn::Missed,
        5 => Turn::Far,
        _ => Turn::Usual,
    };
    let place = i8::try_from(place)?;
    let stop = Stop {
        caregiver: caregiver.id,
        client: (client.id, &client.fields),
        // An hour and a quarter apart.
        starts: (8 + place * 5 / 4, place * 5 % 4 * 15),
        minutes: 45,
        todos,
    };
    Ok(stop.on(id, day, turn, clock)?)
}

/// Adds those of some visits that are missing; each comes with its client's home.
async fn load_visits(
    db: &Db,
    coordinator: &Caller,
    mut batch: Vec<(&ClientFields, PlannedVisit)>,
) -> Result<usize, Fatal> {
    let ids = batch.iter().map(|(_, visit)| visit.id).collect();
    let known: HashSet<_> = idempotency::known(db, coordinator, ids).await?.into_iter().collect();
    batch.retain(|(_, visit)| !known.contains(&visit.id));
    if batch.is_empty() {
        return Ok(0);
    }
    let claims: Vec<_> = batch.iter().map(|(_, visit)| (visit.id, visit.fields.clone())).collect();
    let (visits, tasks): (Vec<_>, Vec<_>) = batch.into_iter().map(|(home, visit)| visit.record(home)).unzip();
    let tasks: Vec<_> = tasks.into_iter().flatten().collect();
    let pairs: HashSet<_> = visits.iter().map(|visit| (visit.fields.client_id, visit.fields.user_id)).collect();

    let mut tx = db.write_many(coordinator, u16::try_from(visits.len() + tasks.len() + pairs.len())?).await?;
    idempotency::claim_many(&mut tx, "visits", &claims).await?;
    visits::insert_many(&mut tx, &visits).await?;
    visit_tasks::insert_many(&mut tx, &tasks).await?;
    for (client_id, user_id) in pairs {
        care_team::refresh_scheduled(&mut tx, client_id, user_id).await?;
    }
    tx.commit().await?;
    Ok(visits.len())
}

/// A line every few seconds.
struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    added: usize,
    started: Instant,
    said: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(5);

    fn new(what: &'static str, total: usize) -> Self {
        let now = Instant::now();
        Self { what, total, done: 0, added: 0, started: now, said: now }
    }

    fn advance(&mut self, done: usize, added: usize) {
        self.done += done;
        self.added += added;
        if self.said.elapsed() < Self::EVERY {
            return;
        }
        self.said = Instant::now();
        let left = self.started.elapsed().as_secs() * (self.total - self.done) as u64 / self.done as u64;
        println!("{} of {} {}, {left} s left", self.done, self.total, self.what);
        let _ = std::io::stdout().flush();
    }

    fn end(self) {
        println!("{} {} added in {:.1} s", self.added, self.what, self.started.elapsed().as_secs_f64());
    }
}
