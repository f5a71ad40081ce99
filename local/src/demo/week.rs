//! The week around today: sixty visits, made through `store` as the people themselves would make them.

use std::collections::HashSet;

use domain::{
    identity::{Caller, JobIdentity},
    task_type::TaskType::{Companionship, Housekeeping, Meals, Mobility, Other, PersonalCare},
};
use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use runtime::lambda::Fatal;
use store::{Db, tables::idempotency};
use uuid::Uuid;

use super::{
    people::{AGENCY, AIDE, DemoClient, NURSE, SECOND_NURSE, fixed},
    plan::{Clock, PlannedVisit, Stop, Turn},
    sign_in, sign_out,
    tasks::{
        Sign::{Glucose, Oxygen, Pain, Pressure, Pulse, Temperature, Weight},
        Todo,
    },
    visit::{attend, cancel, plan},
};

/// The visit that the documentation's examples speak of: the nurse's last one on the day of the first load.
pub const DOCUMENTED_VISIT: Uuid = fixed(0xa1);
/// Its first task.
pub const DOCUMENTED_TASK: Uuid = fixed(0xb1);

/// Client, start, minutes, and what to do.
type Entry = (u128, (i8, i8), i64, &'static [Todo]);

/// Amara's round, the same each day, so that README's calls print the same on any of them.
const NURSES_ROUND: [Entry; 4] = [
    (0xc2, (9, 0), 45, &[Todo::Wound("left heel"), Todo::Vitals("Temperature and pain", &[Temperature, Pain])]),
    (
        0xc3,
        (10, 30),
        45,
        &[
            Todo::Vitals("Oxygen saturation and pulse", &[Oxygen, Pulse]),
            Todo::Medication { name: "Tiotropium", dose: "18 mcg", route: "inhaled", when: "before the stairs" },
            Todo::Plain(Mobility, "Stairs, with a rest"),
        ],
    ),
    (
        0xc4,
        (13, 0),
        45,
        &[
            Todo::Vitals("Weight, blood pressure and glucose", &[Weight, Pressure, Glucose]),
            Todo::Medication { name: "Insulin glargine", dose: "18 units", route: "subcutaneous", when: "at midday" },
        ],
    ),
    (
        0xc1,
        (17, 30),
        45,
        &[
            Todo::Vitals("Blood pressure and pulse", &[Pressure, Pulse]),
            Todo::Medication { name: "Metformin", dose: "500 mg", route: "oral", when: "with supper" },
            Todo::Plain(Mobility, "Walk to the corner"),
            Todo::Plain(Other, "Check feet"),
        ],
    ),
];

const AIDES_MORNING: [Entry; 2] = [
    (
        0xc1,
        (8, 0),
        60,
        &[
            Todo::Plain(PersonalCare, "Wash and dress"),
            Todo::Plain(Meals, "Breakfast, two glasses of water"),
            Todo::Plain(Mobility, "Exercises from the sheet"),
        ],
    ),
    (
        0xc5,
        (10, 0),
        60,
        &[
            Todo::Plain(PersonalCare, "Shower"),
            Todo::Plain(PersonalCare, "Dress with the reacher"),
            Todo::Plain(Meals, "Lunch"),
        ],
    ),
];
const DOROTHY: Entry = (
    0xc6,
    (15, 0),
    60,
    &[
        Todo::Plain(Companionship, "Tea and the photo album"),
        Todo::Plain(Housekeeping, "Stove and fridge"),
        Todo::Plain(Meals, "Supper"),
    ],
);
const WEI_LIN: Entry =
    (0xc7, (15, 0), 60, &[Todo::Plain(Mobility, "Walk to Spadina Avenue"), Todo::Plain(Housekeeping, "Laundry")]);

const JEAN_GUY: Entry =
    (0xc8, (9, 30), 45, &[Todo::Wound("right leg ulcer"), Todo::Vitals("Pain and temperature", &[Pain, Temperature])]);
const ROSA: Entry = (
    0xc9,
    (9, 30),
    45,
    &[Todo::Plain(Other, "Teach a step of the pouch change"), Todo::Vitals("Temperature", &[Temperature])],
);
const AMRIT: Entry = (
    0xca,
    (11, 0),
    45,
    &[
        Todo::Medication { name: "Glatiramer", dose: "40 mg", route: "subcutaneous", when: "by injection" },
        Todo::Plain(Mobility, "Transfer to the chair"),
    ],
);
const SAMUEL: Entry = (
    0xcb,
    (11, 0),
    45,
    &[
        Todo::Vitals("Blood pressure and pulse", &[Pressure, Pulse]),
        Todo::Medication { name: "Apixaban", dose: "2.5 mg", route: "oral", when: "with a snack" },
    ],
);
const FATIMA: Entry = (
    0xcc,
    (14, 0),
    45,
    &[
        Todo::Vitals("Pain and temperature", &[Pain, Temperature]),
        Todo::Medication { name: "Hydromorphone", dose: "2 mg", route: "oral", when: "for pain" },
        Todo::Plain(Companionship, "Time to talk"),
    ],
);

/// Who goes where on such a day. Over any seven days that makes sixty visits.
fn rounds(day: Weekday) -> [(Uuid, Vec<Entry>); 3] {
    let aides_afternoon = match day {
        Weekday::Tuesday | Weekday::Thursday | Weekday::Saturday => WEI_LIN,
        _ => DOROTHY,
    };
    let second_nurses = match day {
        Weekday::Monday | Weekday::Wednesday => vec![JEAN_GUY, AMRIT],
        Weekday::Tuesday => vec![ROSA, SAMUEL],
        Weekday::Thursday => vec![ROSA, FATIMA],
        Weekday::Friday => vec![AMRIT, FATIMA],
        Weekday::Saturday => vec![FATIMA],
        Weekday::Sunday => vec![],
    };
    let [first, second] = AIDES_MORNING;
    [(NURSE, NURSES_ROUND.to_vec()), (AIDE, vec![first, second, aides_afternoon]), (SECOND_NURSE, second_nurses)]
}

/// The visits of the week around today.
pub struct Week {
    visits: Vec<PlannedVisit>,
    /// The id that the documented visit would have on any other day.
    alias: Option<Uuid>,
}

impl Week {
    /// Plans the week. The documented visit is in it where `documented` is still to come.
    pub fn plan(clients: &[DemoClient], clock: &Clock, documented: bool) -> Result<Self, jiff::Error> {
        let mut week = Self { visits: Vec::new(), alias: None };
        for offset in -3..=3 {
            let day = clock.today.checked_add(offset.days())?;
            for (caregiver, round) in rounds(day.weekday()) {
                for (place, (client, starts, minutes, todos)) in round.iter().enumerate() {
                    let Some(client) = clients.iter().find(|known| known.id == fixed(*client)) else { continue };
                    let mut id = visit_id(day, caregiver, place);
                    let last = place + 1 == round.len();
                    if documented && offset == 0 && caregiver == NURSE && last {
                        week.alias = Some(std::mem::replace(&mut id, DOCUMENTED_VISIT));
                    }
                    let stop = Stop {
                        caregiver,
                        client: (client.id, &client.fields),
                        starts: *starts,
                        minutes: *minutes,
                        todos,
                    };
                    week.visits.push(stop.on(id, day, turn(offset, caregiver, place, last), clock)?);
                }
            }
        }
        Ok(week)
    }

    /// Those that were never planned before.
    pub async fn missing(&self, db: &Db) -> Result<HashSet<Uuid>, Fatal> {
        let mut ids: HashSet<_> = self.visits.iter().map(|visit| visit.id).collect();
        for known in idempotency::known(db, &JobIdentity { agency_id: AGENCY }, ids.iter().copied().collect()).await? {
            ids.remove(&known);
        }
        Ok(ids)
    }

    /// Plans what is missing, then has the caregivers do what is due of the whole week: what an earlier run planned
    /// for days that have passed meanwhile too.
    pub async fn load(
        &self,
        db: &Db,
        accounts: &Db,
        coordinator: &Caller,
        missing: &HashSet<Uuid>,
    ) -> Result<(), Fatal> {
        for visit in self.visits.iter().filter(|visit| missing.contains(&visit.id)) {
            plan(db, coordinator, visit, self.alias.filter(|_| visit.id == DOCUMENTED_VISIT)).await?;
        }
        for visit in &self.visits {
            cancel(db, coordinator, visit).await?;
        }
        for caregiver in [NURSE, AIDE, SECOND_NURSE] {
            // Who was deleted or suspended meanwhile does nothing any more.
            let Some(caller) = sign_in(accounts, caregiver).await? else { continue };
            for visit in self.visits.iter().filter(|visit| visit.fields.user_id == caregiver) {
                attend(db, &caller, visit).await?;
            }
            sign_out(db, &caller).await?;
        }
        Ok(())
    }
}

fn visit_id(day: Date, caregiver: Uuid, place: usize) -> Uuid {
    Uuid::new_v5(&caregiver, format!("visit {place} on {day}").as_bytes())
}

/// One of each kind in the past, and something left to do today at any hour.
fn turn(offset: i32, caregiver: Uuid, place: usize, last: bool) -> Turn {
    match (offset, caregiver, place) {
        (0, ..) if last => Turn::ToCome,
        (-2, AIDE, 1) => Turn::Cancelled,
        (-1, AIDE, 2) => Turn::Missed,
        (-2, NURSE, 0) => Turn::Far,
        (-1, NURSE, 2) => Turn::Alarming,
        _ => Turn::Usual,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::demo::{people::demo_clients, plan::Course};

    /// Each quarter of an hour of ten days, of which one has a change of clocks.
    fn any_time() -> impl Iterator<Item = Clock> {
        let first: jiff::Timestamp = "2026-10-27T00:00:00Z".parse().unwrap();
        (0..960).map(move |quarter| Clock::new(first + jiff::SignedDuration::from_mins(15 * quarter)).unwrap())
    }

    #[test]
    fn every_week_has_sixty_visits_of_each_kind() {
        let clients = demo_clients().unwrap();
        for clock in any_time() {
            let week = Week::plan(&clients, &clock, true).unwrap();
            assert_eq!(week.visits.len(), 60, "{}", clock.now);
            let mut visited: HashSet<_> = week.visits.iter().map(|visit| visit.fields.client_id).collect();
            visited.extend([fixed(0xc1)]);
            assert_eq!(visited.len(), 12, "{}", clock.now);
            let count = |is: fn(&Course) -> bool| week.visits.iter().filter(|visit| is(&visit.course)).count();
            assert_eq!(count(|course| matches!(course, Course::Cancelled(_))), 1);
            assert_eq!(count(|course| matches!(course, Course::Missed)), 1);
        }
    }

    #[test]
    fn the_nurse_has_a_visit_to_come_at_any_hour() {
        let clients = demo_clients().unwrap();
        for clock in any_time() {
            let week = Week::plan(&clients, &clock, true).unwrap();
            let open = week.visits.iter().find(|visit| visit.id == DOCUMENTED_VISIT).unwrap();
            assert!(matches!(open.course, Course::ToCome), "{}", clock.now);
            assert_eq!(open.fields.client_id, fixed(0xc1));
            assert_eq!(open.tasks[0].id, DOCUMENTED_TASK);
        }
    }

    #[test]
    fn nobody_is_in_two_places_or_ahead_of_time() {
        let clients = demo_clients().unwrap();
        for clock in any_time() {
            let mut last: HashMap<Uuid, jiff::Timestamp> = HashMap::new();
            for visit in Week::plan(&clients, &clock, false).unwrap().visits {
                let fields = &visit.fields;
                let before = last.insert(fields.user_id, fields.scheduled_end);
                assert!(before.is_none_or(|end| end <= fields.scheduled_start), "{}", clock.now);
                if let Course::Done(came, left) = &visit.course {
                    assert!(came.at < left.at && left.at < clock.now);
                    for task in &visit.tasks {
                        let at = task.done.as_ref().and_then(|done| done.completed_at).unwrap();
                        assert!(came.at < at && at < left.at, "{} {at}", clock.now);
                    }
                }
            }
        }
    }
}
