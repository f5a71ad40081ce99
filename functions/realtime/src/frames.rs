//! What is sent over a WebSocket: types, ids and numbers. Whoever gets a frame fetches what they want to know by the
//! paths of the API, which ask again whether they may.

use std::collections::BTreeSet;

use serde::Serialize;
use store::reads::events::{Event, Events};
use utoipa::ToSchema;
use uuid::Uuid;

/// How many changes are read for a listener at once; where there are more, the frame says only that.
pub const AT_ONCE: i32 = 200;
/// How many ids a frame names.
const NAMED: usize = 100;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "alert.raised", "id": "018f3c5a-7b0e-7c3e-9d2e-0a1b2c3d4e5f",
    "client_id": "018f3c5a-7b0e-7c3e-9d2e-1a1b2c3d4e5f", "number": 1_099_511_628_001_i64}))]
pub struct Frame {
    /// What happened to what: `alert.raised`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The record, where the frame is about one; of presence, the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub id: Option<Uuid>,
    /// Whose care it is about, if anyone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub client_id: Option<Uuid>,
    /// The records, where several changes were joined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub ids: Vec<Uuid>,
    /// Whose care those are about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub client_ids: Vec<Uuid>,
    /// Up to this change everything has been told; absent of presence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub number: Option<i64>,
    /// There are more changes than a frame names: look at everything of the kind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub more: bool,
}

impl Frame {
    /// That somebody came or left.
    #[must_use]
    pub fn presence(kind: &str, user: Uuid) -> Self {
        Self { kind: kind.into(), id: Some(user), ..Self::default() }
    }

    /// What a listener is told who was told everything up to `told`. Changes of a kind are joined. The frames come in
    /// an order, and with numbers, that allow to go on from the number of whichever arrived last.
    #[must_use]
    pub fn of(changes: &Events, told: i64) -> Vec<Self> {
        let events: Vec<&Event> = changes.events.iter().filter(|event| event.number > told).collect();
        if !changes.complete || changes.events.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
            let everything = Self { kind: "sync.changed".into(), number: Some(changes.newest), ..Self::default() };
            return vec![Self { more: true, ..everything }];
        }
        let mut kinds: Vec<&str> = Vec::new();
        for event in &events {
            if !kinds.contains(&event.kind.as_str()) {
                kinds.push(&event.kind);
            }
        }
        let mut frames: Vec<(i64, Self)> = kinds
            .into_iter()
            .map(|kind| {
                let of_kind: Vec<_> = events.iter().filter(|event| event.kind == kind).copied().collect();
                (of_kind.first().map_or(told, |event| event.number), Self::joined(kind, &of_kind))
            })
            .collect();
        // Whoever goes on from a frame's number must not miss what a later frame of this round would have told.
        let mut later = i64::MAX;
        for (first, frame) in frames.iter_mut().rev() {
            frame.number = frame.number.map(|number| number.min(later.saturating_sub(1)));
            later = later.min(*first);
        }
        frames.into_iter().map(|(_, frame)| frame).collect()
    }

    fn joined(kind: &str, events: &[&Event]) -> Self {
        let ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
        let clients: BTreeSet<Uuid> = events.iter().filter_map(|event| event.client_id).collect();
        let frame = Self { kind: kind.into(), number: events.last().map(|event| event.number), ..Self::default() };
        match ids.len() {
            1 => Self { id: ids.first().copied(), client_id: clients.first().copied(), ..frame },
            2..=NAMED => Self { ids: ids.into_iter().collect(), client_ids: clients.into_iter().collect(), ..frame },
            _ => Self { more: true, ..frame },
        }
    }
}

impl From<Event> for Frame {
    fn from(Event { kind, id, client_id, number }: Event) -> Self {
        Self { kind, id: Some(id), client_id, number: Some(number), ..Self::default() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn event(kind: &str, number: i64) -> Event {
        Event { kind: kind.into(), id: Uuid::from_u128(number.unsigned_abs().into()), client_id: None, number }
    }

    fn changes(events: Vec<Event>) -> Events {
        Events { complete: true, newest: events.last().map_or(0, |event| event.number), events }
    }

    #[test]
    fn who_goes_on_from_any_frame_of_a_round_misses_nothing() {
        let all = vec![event("visit.updated", 3), event("sync.changed", 4), event("visit.updated", 7)];
        let frames = Frame::of(&changes(all.clone()), 2);
        assert_eq!(frames.len(), 2);
        for (place, frame) in frames.iter().enumerate() {
            let told: Vec<_> = frames[..=place].iter().map(|frame| frame.kind.clone()).collect();
            let missed = all.iter().filter(|event| event.number > frame.number.unwrap() || told.contains(&event.kind));
            assert_eq!(missed.count(), all.len(), "{frame:?}");
        }
        assert_eq!(frames[0].ids.len(), 2);
    }

    #[test]
    fn more_than_a_frame_names_is_told_as_more() {
        let frames = Frame::of(&changes((1..=150).map(|number| event("visit.updated", number)).collect()), 0);
        assert_eq!(frames.len(), 1);
        assert!(frames[0].more && frames[0].ids.is_empty());
        let frames = Frame::of(&changes((1..=200).map(|number| event("visit.updated", number)).collect()), 0);
        assert_eq!((frames[0].kind.as_str(), frames[0].more), ("sync.changed", true));
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let frames = Frame::of(&changes(vec![event("visit.updated", 3), event("visit.updated", 4)]), 3);
        assert_eq!(frames, [Frame::from(event("visit.updated", 4))]);
        assert_eq!(Frame::of(&changes(vec![event("visit.updated", 3)]), 3), []);
    }
}
