//! The outermost shape of a push: tables, their lists, and records that nobody has read yet. What is wrong with it is
//! told all at once.

use std::{borrow::Cow, fmt};

use domain::validation::pointer_token;
use domain::{
    error::Fault,
    limits::{FAULTS_TOLD, PUSHED_LISTS, PUSHED_RECORDS},
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use web::not_json;

/// A list of a table.
pub(crate) struct List<'a> {
    /// The table's name.
    pub(crate) table: String,
    /// `created`, `updated` or `deleted`, if it is one of them.
    pub(crate) name: String,
    /// The records of this list, not yet parsed.
    pub(crate) items: Vec<&'a RawValue>,
}

/// Reads the lists of a push, in their order.
///
/// # Errors
/// Every list and table that is none; of a hostile push, the first.
pub(crate) fn read(body: &[u8]) -> web::Result<Vec<List<'_>>> {
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let mut faults = Vec::new();
    let mut lists = Vec::new();
    let mut records = 0;
    let outermost = entries(whole, "", &mut faults);
    if faults.is_empty() && !outermost.iter().any(|(name, _)| name == "changes") {
        faults.push(Fault::body("/changes", "is required"));
    }
    for (_, changes) in outermost.into_iter().filter(|(name, _)| name == "changes") {
        for (table, of_table) in entries(changes, "/changes", &mut faults) {
            if faults.len() > FAULTS_TOLD {
                return Err(faults.into());
            }
            let pointer = format!("/changes/{}", pointer_token(&table));
            for (name, list) in entries(of_table, &pointer, &mut faults) {
                match serde_json::from_str(list.get()) {
                    Ok(Items(items)) => {
                        records += items.len();
                        lists.push(List { table: table.clone(), name, items });
                    }
                    Err(_) => {
                        faults.push(Fault::body(&format!("{pointer}/{}", pointer_token(&name)), "must be a list"));
                    }
                }
                if records > PUSHED_RECORDS {
                    let told = format!("must hold at most {PUSHED_RECORDS} records");
                    return Err(vec![Fault::body("/changes", told)].into());
                }
            }
        }
    }
    if faults.is_empty() { Ok(lists) } else { Err(faults.into()) }
}

fn entries<'a>(object: &'a RawValue, pointer: &str, faults: &mut Vec<Fault>) -> Vec<(String, &'a RawValue)> {
    let Ok(Entries(entries)) = serde_json::from_str(object.get()) else {
        faults.push(Fault::body(pointer, "must be an object"));
        return Vec::new();
    };
    if entries.len() > PUSHED_LISTS {
        faults.push(Fault::body(pointer, format!("must have at most {PUSHED_LISTS} names")));
        return Vec::new();
    }
    entries
}

/// No table or list of ours has a longer name, in characters. What is cut off is never ours.
const LONGEST_NAME: usize = 100;

/// An object with all its names, also those that stand in it twice: a map would drop one. Of more than may be there it
/// holds one more, of long names the beginning.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<Cow<'_, str>, _>()? {
                    if entries.len() <= PUSHED_LISTS {
                        entries.push((name.chars().take(LONGEST_NAME).collect(), value));
                    }
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A list, of which no more is held than may be there.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a list")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                let mut items = Vec::new();
                while items.len() <= PUSHED_RECORDS {
                    match list.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(Items(items)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Items(items))
            }
        }
        from.deserialize_seq(Reader)
    }
}
