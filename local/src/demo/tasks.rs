//! What is done at a visit, and values that look measured.

use domain::task_type::TaskType;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::tables::visit_tasks::TaskFields;

/// The same throws for the same seed, so that a second run makes the same data.
pub struct Dice(u64);

impl Dice {
    /// Dice of their own for each record.
    pub fn new(id: uuid::Uuid) -> Self {
        Self(id.as_u64_pair().1)
    }

    /// A number from 0 to `sides` - 1 (Vigna's `splitmix64`).
    pub fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        u32::try_from(mixed % u64::from(sides)).unwrap_or_default()
    }

    /// One of a few texts.
    pub fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts.get(self.throw(u32::try_from(texts.len()).unwrap_or(1)) as usize).copied().unwrap_or_default()
    }
}

/// A vital sign.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Blood pressure.
    Pressure,
    /// Heart rate.
    Pulse,
    /// Temperature.
    Temperature,
    /// SpO2.
    Oxygen,
    /// Blood glucose.
    Glucose,
    /// Pain from 0 to 10.
    Pain,
    /// Weight.
    Weight,
}

impl Sign {
    /// A value in the normal range, or one outside it.
    fn measured(self, dice: &mut Dice, alarming: bool) -> (&'static str, Value) {
        let mut between = |low: u32, high: u32| f64::from(low + dice.throw(high - low + 1));
        match self {
            Self::Pressure => {
                let (systolic, diastolic) = (between(112, 146), between(64, 86));
                ("blood_pressure", json!({"systolic": systolic, "diastolic": diastolic, "unit": "mmHg"}))
            }
            Self::Pulse => ("heart_rate", json!({"value": between(60, 92), "unit": "bpm"})),
            Self::Temperature => ("temperature", json!({"value": between(361, 373) / 10.0, "unit": "°C"})),
            Self::Oxygen => ("oxygen_saturation", json!({"value": between(93, 98), "unit": "%"})),
            Self::Glucose if alarming => ("glucose", json!({"value": between(152, 169) / 10.0, "unit": "mmol/L"})),
            Self::Glucose => ("glucose", json!({"value": between(52, 112) / 10.0, "unit": "mmol/L"})),
            Self::Pain => ("pain", json!({"value": between(1, 5), "unit": "/10"})),
            Self::Weight => ("weight", json!({"value": between(702, 718) / 10.0, "unit": "kg"})),
        }
    }
}

/// Something to do at a visit.
#[derive(Clone, Copy)]
pub enum Todo {
    /// Measure these.
    Vitals(&'static str, &'static [Sign]),
    /// Give a dose.
    Medication {
        /// Of what.
        name: &'static str,
        /// How much.
        dose: &'static str,
        /// How.
        route: &'static str,
        /// When.
        when: &'static str,
    },
    /// Dress a wound there.
    Wound(&'static str),
    /// Anything that asks for no more than doing it.
    Plain(TaskType, &'static str),
}

impl Todo {
    /// As it was planned.
    pub fn planned(&self) -> TaskFields {
        let (task_type, title) = match self {
            Self::Vitals(title, _) => (TaskType::Vitals, (*title).to_owned()),
            Self::Medication { name, dose, when, .. } => (TaskType::Medication, format!("{name} {dose} {when}")),
            Self::Wound(site) => (TaskType::WoundCare, format!("Dress the {site}")),
            Self::Plain(task_type, title) => (*task_type, (*title).to_owned()),
        };
        TaskFields { task_type, title, completed: false, completed_at: None, outcome: None, data: None, reason: None }
    }

    /// As it was done.
    pub fn done(&self, dice: &mut Dice, at: Timestamp, alarming: bool) -> TaskFields {
        let (outcome, data) = match self {
            Self::Vitals(_, signs) => {
                let data = signs.iter().map(|sign| sign.measured(dice, alarming));
                ("done", Some(data.map(|(name, value)| (name.to_owned(), value)).collect()))
            }
            Self::Medication { name, dose, route, .. } if dice.throw(12) == 0 => {
                let reason = dice.pick(&["nauseous", "wants to talk to the doctor first", "took it before the visit"]);
                let data = json!({"name": name, "dose": dose, "route": route, "outcome": "refused", "reason": reason});
                ("refused", Some(data))
            }
            Self::Medication { name, dose, route, .. } => {
                let outcome = dice.pick(&["given", "given", "given", "self_administered"]);
                ("done", Some(json!({"name": name, "dose": dose, "route": route, "outcome": outcome})))
            }
            Self::Wound(site) => {
                let (length, width) = (18 + dice.throw(6), 11 + dice.throw(5));
                let appearance = dice.pick(&["granulating, no exudate", "granulating, little exudate", "pale edges"]);
                let data = json!({"site": site, "length_mm": length, "width_mm": width, "appearance": appearance});
                ("done", Some(data))
            }
            Self::Plain(..) => {
                let outcome = dice.pick(&["done", "done", "done with help", "done, took longer than usual"]);
                let note = dice.throw(4) == 0;
                (
                    outcome,
                    note.then(|| json!({"note": dice.pick(&["Tired today", "In good spirits", "Asked for more tea"])})),
                )
            }
        };
        let fields = self.planned();
        TaskFields { completed: true, completed_at: Some(at), outcome: Some(outcome.into()), data, ..fields }
    }
}

#[cfg(test)]
mod tests {
    use domain::validation::{Check, Faults};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whatever_is_thrown_is_plausible() {
        use Sign::{Glucose, Oxygen, Pain, Pressure, Pulse, Temperature, Weight};
        let todos = [
            Todo::Vitals("All of them", &[Pressure, Pulse, Temperature, Oxygen, Glucose, Pain, Weight]),
            Todo::Medication { name: "Metformin", dose: "500 mg", route: "oral", when: "with supper" },
            Todo::Wound("left heel"),
            Todo::Plain(TaskType::Meals, "Lunch"),
        ];
        let mut dice = Dice::new(Uuid::nil());
        let mut faults = Faults::default();
        for round in 0..500 {
            for todo in &todos {
                let task = todo.done(&mut dice, Timestamp::UNIX_EPOCH, false);
                task.check(&mut faults);
                assert!(
                    domain::clinical::abnormal_flags(task.task_type, task.data.as_ref()).is_empty(),
                    "round {round}"
                );
            }
            todos[0].done(&mut dice, Timestamp::UNIX_EPOCH, true).check(&mut faults);
        }
        faults.into_result().unwrap();
    }
}
