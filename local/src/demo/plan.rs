//! Visits as they are planned, and what becomes of each.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use store::tables::{
    check_in::{CheckIn, RecordedLocation},
    clients::ClientFields,
    visit_tasks::{TaskFields, TaskRecord},
    visits::{Cancellation, VisitFields, VisitRecord, VisitStatus},
};
use uuid::Uuid;

use super::tasks::{Dice, Todo};

/// What the loader knows of time.
pub struct Clock {
    /// When it was started.
    pub now: Timestamp,
    /// The day that it is there.
    pub today: Date,
    zone: TimeZone,
}

impl Clock {
    /// The time in Toronto.
    pub fn new(now: Timestamp) -> Result<Self, jiff::Error> {
        // By today's rules: the program knows no others (docs/decisions/0026).
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0")?;
        Ok(Self { now, today: now.to_zoned(zone.clone()).date(), zone })
    }

    fn at(&self, day: Date, (hour, minute): (i8, i8)) -> Result<Timestamp, jiff::Error> {
        Ok(day.at(hour, minute, 0, 0).to_zoned(self.zone.clone())?.timestamp())
    }
}

/// A visit that is planned the same way on each of its days.
pub struct Stop<'a> {
    /// Who goes.
    pub caregiver: Uuid,
    /// To whom.
    pub client: (Uuid, &'a ClientFields),
    /// When, in the agency's time zone.
    pub starts: (i8, i8),
    /// For so many minutes.
    pub minutes: i64,
    /// What to do there.
    pub todos: &'a [Todo],
}

/// What is special about a visit.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Turn {
    /// It goes as planned.
    #[default]
    Usual,
    /// It is still to be done, whatever the hour.
    ToCome,
    /// It was cancelled.
    Cancelled,
    /// Nobody came.
    Missed,
    /// The phone was far from the client's home.
    Far,
    /// Something measured should worry somebody.
    Alarming,
}

/// What becomes of a visit up to now.
pub enum Course {
    /// Nothing yet.
    ToCome,
    /// The caregiver is there.
    UnderWay(CheckIn),
    /// The caregiver has been there.
    Done(CheckIn, CheckIn),
    /// It was cancelled.
    Cancelled(Cancellation),
    /// Nobody came.
    Missed,
}

/// A task of a planned visit.
pub struct PlannedTask {
    /// The id.
    pub id: Uuid,
    /// As planned.
    pub planned: TaskFields,
    /// As done, where the visit has taken place.
    pub done: Option<TaskFields>,
}

/// A visit with all that becomes of it.
pub struct PlannedVisit {
    /// The id.
    pub id: Uuid,
    /// As planned.
    pub fields: VisitFields,
    /// What is to be done, and what was.
    pub tasks: Vec<PlannedTask>,
    /// What becomes of it.
    pub course: Course,
    /// What the caregiver writes: for colleagues, and for the family.
    pub notes: (String, String),
}

const NOTES: [&str; 4] = [
    "Alert and oriented. No new complaints.",
    "Slept badly; otherwise as before. Skin intact.",
    "Ate well. Steady on the walker.",
    "A little tired. Encouraged fluids, took them.",
];
const FAMILY_NOTES: [&str; 3] =
    ["A good visit; we had a laugh.", "A quiet day. Everything was done.", "A good morning; we walked to the corner."];
const FAMILY_NOTES_FR: [&str; 3] = [
    "Une bonne visite, on a bien ri.",
    "Une journée tranquille. Tout a été fait.",
    "Belle matinée ; nous avons marché jusqu'au coin.",
];
const REASONS: [&str; 3] = ["Client is at a family lunch", "Client is in hospital", "Medical appointment at that time"];

impl Stop<'_> {
    /// The visit of one day.
    pub fn on(&self, id: Uuid, day: Date, turn: Turn, clock: &Clock) -> Result<PlannedVisit, jiff::Error> {
        let mut dice = Dice::new(id);
        let start = clock.at(day, self.starts)?;
        let end = start + SignedDuration::from_mins(self.minutes);
        let course = self.course((start, end), turn, clock.now, &mut dice);
        let done_from = match &course {
            Course::Done(came, _) => Some(came.at),
            _ => None,
        };
        let tasks = (0u32..).zip(self.todos).map(|(place, todo)| PlannedTask {
            id: task_id(id, place),
            planned: todo.planned(),
            done: done_from.map(|from| {
                let at = from + SignedDuration::from_mins(i64::from(4 + 7 * place + dice.throw(4)));
                todo.done(&mut dice, at, turn == Turn::Alarming)
            }),
        });
        let tasks = tasks.collect();
        let family_notes = if self.client.1.preferred_language == "fr-CA" { &FAMILY_NOTES_FR } else { &FAMILY_NOTES };
        Ok(PlannedVisit {
            id,
            fields: VisitFields {
                client_id: self.client.0,
                user_id: self.caregiver,
                scheduled_start: start,
                scheduled_end: end,
                notes: None,
                family_note: None,
                allow_overlap: false,
                reason: None,
            },
            tasks,
            course,
            notes: (dice.pick(&NOTES).to_owned(), dice.pick(family_notes).to_owned()),
        })
    }

    fn course(&self, (start, end): (Timestamp, Timestamp), turn: Turn, now: Timestamp, dice: &mut Dice) -> Course {
        let mut near = |time: Timestamp, metres: u32| {
            let seconds = i64::from(dice.throw(13 * 60)) - 5 * 60;
            self.check_in(time + SignedDuration::from_secs(seconds), metres + dice.throw(25), dice)
        };
        let (came, left) = (near(start, if turn == Turn::Far { 600 } else { 0 }), near(end, 0));
        match turn {
            Turn::ToCome => Course::ToCome,
            Turn::Cancelled => Course::Cancelled(Cancellation { reason: dice.pick(&REASONS).to_owned() }),
            Turn::Missed if end < now => Course::Missed,
            _ if left.at < now => Course::Done(came, left),
            _ if came.at < now => Course::UnderWay(came),
            _ => Course::ToCome,
        }
    }

    /// A location so many metres north of the client's home.
    fn check_in(&self, at: Timestamp, metres: u32, dice: &mut Dice) -> CheckIn {
        let north = |home: f64| ((home + f64::from(metres) / METRES_PER_DEGREE) * 1e6).round() / 1e6;
        CheckIn {
            latitude: self.client.1.latitude.map(north),
            longitude: self.client.1.longitude,
            accuracy_m: Some(f64::from(5 + dice.throw(20))),
            at,
        }
    }
}

/// Of latitude, on a sphere of the earth's mean radius.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Ids in the order of the plan, by which a visit lists its tasks.
fn task_id(visit_id: Uuid, place: u32) -> Uuid {
    let first = if visit_id == super::week::DOCUMENTED_VISIT {
        super::week::DOCUMENTED_TASK.as_u128()
    } else {
        Uuid::new_v5(&visit_id, b"tasks").as_u128() & !0xff
    };
    Uuid::from_u128(first + u128::from(place))
}

impl PlannedVisit {
    /// The visit as if it came from elsewhere, with the distances measured from `home`.
    pub fn record(self, home: &ClientFields) -> (VisitRecord, Vec<TaskRecord>) {
        let location = |reported: &CheckIn| RecordedLocation {
            latitude: reported.latitude,
            longitude: reported.longitude,
            accuracy_m: reported.accuracy_m,
            distance_m: reported
                .latitude
                .zip(home.latitude)
                .map(|(there, home)| ((there - home) * METRES_PER_DEGREE).abs()),
            received_at: reported.at + SignedDuration::from_secs(2),
        };
        let (status, came, left) = match &self.course {
            Course::ToCome => (VisitStatus::Scheduled, None, None),
            Course::UnderWay(came) => (VisitStatus::InProgress, Some(came), None),
            Course::Done(came, left) => (VisitStatus::Completed, Some(came), Some(left)),
            Course::Cancelled(_) => (VisitStatus::Cancelled, None, None),
            Course::Missed => (VisitStatus::Missed, None, None),
        };
        let (notes, family_note) = left.map(|_| self.notes).unzip();
        let visit = VisitRecord {
            id: self.id,
            status,
            actual_start: came.map(|reported| reported.at),
            actual_end: left.map(|reported| reported.at),
            check_in: came.map(location),
            check_out: left.map(location),
            cancel_reason: match &self.course {
                Course::Cancelled(cancellation) => Some(cancellation.reason.clone()),
                _ => None,
            },
            fields: VisitFields { notes, family_note, ..self.fields },
        };
        let tasks = self.tasks.into_iter().map(|task| TaskRecord {
            id: task.id,
            visit_id: visit.id,
            client_id: visit.fields.client_id,
            fields: task.done.unwrap_or(task.planned),
        });
        let tasks = tasks.collect();
        (visit, tasks)
    }
}
