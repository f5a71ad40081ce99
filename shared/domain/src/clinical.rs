//! What a task's `data` may say, by task type; which values can't be true; and which are outside the normal range.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::Error,
    task_type::TaskType,
    validation::{Check, Faults, faults_of},
};

/// A measurable value: its unit, what is plausible at all, and what needs no clinician's attention.
struct Measure {
    unit: &'static str,
    plausible: RangeInclusive<f64>,
    normal_range: RangeInclusive<f64>,
}

const fn measure(unit: &'static str, plausible: RangeInclusive<f64>, normal_range: RangeInclusive<f64>) -> Measure {
    Measure { unit, plausible, normal_range }
}

// Calm ranges end where NEWS2 (Royal College of Physicians, 2017) scores a single value 3, or where named otherwise.
const SYSTOLIC: Measure = measure("mmHg", 40.0..=300.0, 91.0..=219.0);
/// Above: hypertensive crisis (AHA 2017). Below: no number is agreed on; 40 is far from normal.
const DIASTOLIC: Measure = measure("mmHg", 20.0..=200.0, 40.0..=120.0);
const HEART_RATE: Measure = measure("bpm", 20.0..=300.0, 41.0..=130.0);
const TEMPERATURE: Measure = measure("°C", 25.0..=45.0, 35.1..=39.0);
const OXYGEN_SATURATION: Measure = measure("%", 50.0..=100.0, 92.0..=100.0);
/// Diabetes Canada 2018: below 4 is hypoglycaemia; above 14, test for ketones.
const GLUCOSE: Measure = measure("mmol/L", 0.5..=60.0, 4.0..=14.0);
/// Numeric rating scale: 7 and above is severe.
const PAIN: Measure = measure("/10", 0.0..=10.0, 0.0..=6.0);
const WEIGHT: Measure = measure("kg", 1.0..=400.0, 1.0..=400.0);

/// Blood pressure in mmHg.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"systolic": 128, "diastolic": 78, "unit": "mmHg"}))]
pub struct BloodPressure {
    /// 40 to 300.
    pub systolic: f64,
    /// 20 to 200.
    pub diastolic: f64,
    /// `mmHg`.
    pub unit: String,
}

/// One measured value and its unit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"value": 72, "unit": "bpm"}))]
pub struct Quantity {
    /// What was measured, in the unit.
    pub value: f64,
    /// Its unit; each measure has one.
    pub unit: String,
}

/// Vital signs: `data` of a `vitals` task. A value outside its plausible range is refused; one that should worry
/// somebody is stored, and named in the task's `abnormal_flags`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(min_properties = 1, example = json!({"blood_pressure": {"systolic": 128, "diastolic": 78, "unit": "mmHg"},
    "heart_rate": {"value": 72, "unit": "bpm"}, "temperature": {"value": 36.8, "unit": "°C"},
    "oxygen_saturation": {"value": 97, "unit": "%"}}))]
pub struct Vitals {
    /// Plausible from 40 / 20 to 300 / 200 mmHg.
    pub blood_pressure: Option<BloodPressure>,
    /// Plausible from 20 to 300 bpm.
    pub heart_rate: Option<Quantity>,
    /// Plausible from 25 to 45 °C.
    pub temperature: Option<Quantity>,
    /// SpO2; plausible from 50 to 100 %.
    pub oxygen_saturation: Option<Quantity>,
    /// Blood glucose; plausible from 0.5 to 60 mmol/L.
    pub glucose: Option<Quantity>,
    /// From 0 to 10 on the numeric rating scale, unit `/10`.
    pub pain: Option<Quantity>,
    /// Plausible from 1 to 400 kg.
    pub weight: Option<Quantity>,
}

impl Vitals {
    /// Every number in it: where it stands, what it is, what it should be like, and its unit as given.
    fn readings(&self) -> impl Iterator<Item = (&'static str, f64, &'static Measure, (&'static str, &str))> {
        let pressure = self.blood_pressure.iter().flat_map(|p| {
            let unit = ("/blood_pressure/unit", p.unit.as_str());
            [
                ("/blood_pressure/systolic", p.systolic, &SYSTOLIC, unit),
                ("/blood_pressure/diastolic", p.diastolic, &DIASTOLIC, unit),
            ]
        });
        let single = [
            ("/heart_rate/value", "/heart_rate/unit", &self.heart_rate, &HEART_RATE),
            ("/temperature/value", "/temperature/unit", &self.temperature, &TEMPERATURE),
            ("/oxygen_saturation/value", "/oxygen_saturation/unit", &self.oxygen_saturation, &OXYGEN_SATURATION),
            ("/glucose/value", "/glucose/unit", &self.glucose, &GLUCOSE),
            ("/pain/value", "/pain/unit", &self.pain, &PAIN),
            ("/weight/value", "/weight/unit", &self.weight, &WEIGHT),
        ]
        .into_iter()
        .filter_map(|(at, unit_at, quantity, measure)| {
            quantity.as_ref().map(|q| (at, q.value, measure, (unit_at, q.unit.as_str())))
        });
        pressure.chain(single)
    }
}

impl Check for Vitals {
    fn check(&self, faults: &mut Faults) {
        for (at, value, measure, (unit_at, unit)) in self.readings() {
            if !measure.plausible.contains(&value) {
                let (low, high) = measure.plausible.clone().into_inner();
                faults.add(at, format!("must be between {low} and {high} {}", measure.unit));
            }
            if unit != measure.unit {
                faults.add(unit_at, format!("must be {}", measure.unit));
            }
        }
        if let Some(pressure) = &self.blood_pressure {
            faults.unless(
                pressure.diastolic < pressure.systolic,
                "/blood_pressure/diastolic",
                "must be below systolic",
            );
        }
    }
}

/// What became of a dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "given")]
pub enum MedicationOutcome {
    /// Given by the caregiver.
    Given,
    /// The client didn't want it.
    Refused,
    /// Left out on purpose.
    Omitted,
    /// Taken by the client without help.
    SelfAdministered,
}

/// A dose: `data` of a `medication` task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Metformin", "dose": "500 mg", "route": "oral", "outcome": "given"}))]
pub struct Medication {
    /// The medicine's name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The dose, as it is written on the label.
    #[schema(min_length = 1, max_length = 100)]
    pub dose: String,
    /// The route of administration.
    #[schema(min_length = 1, max_length = 100)]
    pub route: String,
    /// Whether it was given, and if not, why.
    pub outcome: MedicationOutcome,
    /// Why it was not taken; needed where it was refused or omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

impl Check for Medication {
    fn check(&self, faults: &mut Faults) {
        let taken = matches!(self.outcome, MedicationOutcome::Given | MedicationOutcome::SelfAdministered);
        faults.unless(taken || self.reason.is_some(), "/reason", "is required where the dose was not taken");
    }
}

/// A wound: `data` of a `wound_care` task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"site": "left heel", "length_mm": 22, "width_mm": 14,
    "appearance": "granulating, no exudate"}))]
pub struct Wound {
    /// Where on the body.
    #[schema(min_length = 1, max_length = 200)]
    pub site: String,
    /// Longest side, in millimetres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub length_mm: Option<f64>,
    /// Across it, in millimetres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub width_mm: Option<f64>,
    /// At its deepest, in millimetres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub depth_mm: Option<f64>,
    /// What it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub appearance: Option<String>,
}
impl Check for Wound {}

/// `data` of any other task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"note": "Ate half of lunch"}))]
pub struct TaskNote {
    /// What else there is to say of it, in free text.
    #[schema(max_length = 2000)]
    pub note: String,
}
impl Check for TaskNote {}

/// Notes everything that is wrong with a task's data, below `pointer`.
pub fn check_data(task_type: TaskType, data: &Value, pointer: &str, faults: &mut Faults) -> Result<(), Error> {
    match task_type {
        TaskType::Vitals => check_as::<Vitals>(data, pointer, faults),
        TaskType::Medication => check_as::<Medication>(data, pointer, faults),
        TaskType::WoundCare => check_as::<Wound>(data, pointer, faults),
        _ => check_as::<TaskNote>(data, pointer, faults),
    }
}

fn check_as<T: ToSchema + DeserializeOwned + Check + 'static>(
    data: &Value,
    pointer: &str,
    faults: &mut Faults,
) -> Result<(), Error> {
    let found = faults_of::<T>(data)?;
    if !found.is_empty() {
        faults.extend_at(pointer, found);
        return Ok(());
    }
    let mut deeper = Faults::default();
    match serde_json::from_value::<T>(data.clone()) {
        Ok(typed) => typed.check(&mut deeper),
        Err(_) => deeper.add("", "has an invalid value"),
    }
    if let Err(Error::Invalid(found)) = deeper.into_result() {
        faults.extend_at(pointer, found);
    }
    Ok(())
}

/// Which of a task's values should worry somebody, as pointers into its data.
#[must_use]
pub fn abnormal_flags(task_type: TaskType, data: Option<&Value>) -> Vec<String> {
    let (TaskType::Vitals, Some(data)) = (task_type, data) else { return Vec::new() };
    let Ok(vitals) = Vitals::deserialize(data) else { return Vec::new() };
    vitals
        .readings()
        .filter(|(_, value, measure, _)| !measure.normal_range.contains(value))
        .map(|(at, ..)| at.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(task_type: TaskType, data: &Value) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        check_data(task_type, data, "/data", &mut faults).unwrap();
        match faults.into_result() {
            Err(Error::Invalid(found)) => {
                found.into_iter().map(|fault| (fault.pointer.unwrap_or_default(), fault.detail)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Name, unit, lowest and highest plausible value, lowest and highest that needs nobody's attention, and the
    /// smallest step between two values.
    const SINGLE: [(&str, &str, [f64; 4], f64); 6] = [
        ("heart_rate", "bpm", [20.0, 300.0, 41.0, 130.0], 1.0),
        ("temperature", "°C", [25.0, 45.0, 35.1, 39.0], 0.1),
        ("oxygen_saturation", "%", [50.0, 100.0, 92.0, 100.0], 1.0),
        ("glucose", "mmol/L", [0.5, 60.0, 4.0, 14.0], 0.1),
        ("pain", "/10", [0.0, 10.0, 0.0, 6.0], 1.0),
        ("weight", "kg", [1.0, 400.0, 1.0, 400.0], 0.1),
    ];

    #[test]
    fn a_value_is_plausible_and_calm_up_to_its_exact_limits() {
        for (name, unit, [low, high, calm_low, calm_high], step) in SINGLE {
            let vitals = |value: f64| json!({name: {"value": value, "unit": unit}});
            let at = format!("/{name}/value");
            for value in [low, high] {
                assert_eq!(faults(TaskType::Vitals, &vitals(value)), [], "{name} {value}");
            }
            for value in [low - step, high + step] {
                let said = format!("must be between {low} and {high} {unit}");
                assert_eq!(faults(TaskType::Vitals, &vitals(value)), [(format!("#/data{at}"), said)], "{name} {value}");
            }
            for (value, worrying) in
                [(calm_low, false), (calm_high, false), (calm_low - step, true), (calm_high + step, true)]
            {
                let expected = if worrying { vec![at.clone()] } else { Vec::new() };
                assert_eq!(abnormal_flags(TaskType::Vitals, Some(&vitals(value))), expected, "{name} {value}");
            }
            let other_unit = json!({name: {"value": low, "unit": "stone"}});
            let said = (format!("#/data/{name}/unit"), format!("must be {unit}"));
            assert_eq!(faults(TaskType::Vitals, &other_unit), [said]);
        }
    }

    #[test]
    fn blood_pressure_is_two_values_the_lower_one_below() {
        let pressure = |systolic: f64, diastolic: f64| {
            let values = json!({"systolic": systolic, "diastolic": diastolic, "unit": "mmHg"});
            json!({"blood_pressure": values})
        };
        for (systolic, diastolic, at) in [
            (40.0, 20.0, None),
            (300.0, 200.0, None),
            (39.0, 20.0, Some("systolic")),
            (301.0, 200.0, Some("systolic")),
            (40.0, 19.0, Some("diastolic")),
            (300.0, 201.0, Some("diastolic")),
            (120.0, 119.0, None),
            (120.0, 120.0, Some("diastolic")),
            (120.0, 121.0, Some("diastolic")),
        ] {
            let found = faults(TaskType::Vitals, &pressure(systolic, diastolic));
            let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
            let expected: Vec<_> = at.iter().map(|part| format!("#/data/blood_pressure/{part}")).collect();
            assert_eq!(pointers, expected, "{systolic}/{diastolic}");
        }
        for (systolic, diastolic, flags) in [
            (91.0, 40.0, vec![]),
            (219.0, 120.0, vec![]),
            (90.0, 39.0, vec!["/blood_pressure/systolic", "/blood_pressure/diastolic"]),
            (220.0, 121.0, vec!["/blood_pressure/systolic", "/blood_pressure/diastolic"]),
        ] {
            assert_eq!(abnormal_flags(TaskType::Vitals, Some(&pressure(systolic, diastolic))), flags);
        }
    }

    #[test]
    fn a_dose_that_was_not_taken_says_why() {
        let dose = |outcome: &str, reason: Option<&str>| {
            let mut data = json!({"name": "Metformin", "dose": "500 mg", "route": "oral", "outcome": outcome});
            if let Some(reason) = reason {
                data["reason"] = json!(reason);
            }
            faults(TaskType::Medication, &data)
        };
        for outcome in ["given", "self_administered"] {
            assert_eq!(dose(outcome, None), []);
        }
        for outcome in ["refused", "omitted"] {
            assert_eq!(dose(outcome, Some("nausea")), []);
            let said = "is required where the dose was not taken".to_owned();
            assert_eq!(dose(outcome, None), [("#/data/reason".to_owned(), said)]);
        }
    }

    #[test]
    fn data_is_what_the_tasks_type_says() {
        let of = [
            (TaskType::Vitals, json!({"pain": {"value": 2.0, "unit": "/10"}})),
            (TaskType::Medication, json!({"name": "A", "dose": "1", "route": "oral", "outcome": "given"})),
            (TaskType::WoundCare, json!({"site": "left heel"})),
            (TaskType::Meals, json!({"note": "Ate half of lunch"})),
        ];
        for (own, data) in &of {
            for (other, _) in &of {
                assert_eq!(faults(*other, data).is_empty(), own == other, "{own:?}'s data as {other:?}'s");
            }
        }
        // Of anything else nothing is worrying.
        assert!(abnormal_flags(TaskType::Meals, Some(&json!({"pain": {"value": 9.0, "unit": "/10"}}))).is_empty());
        assert!(abnormal_flags(TaskType::Vitals, None).is_empty());
    }
}
