//! Where a caregiver said that a visit began or ended.

use store::reads::export::{ExportedClient, ExportedVisit};

use super::element::{Extension, Identifier, elements};

elements! {
    /// Coordinates.
    Position { longitude: f64, latitude: f64 }

    /// A place.
    Location {
        id: String,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: Option<&'static str>,
        mode: Option<&'static str>,
        description: Option<String>,
        position: Option<Position>,
    }
}

/// A check-in or check-out, as it was reported.
struct Reported {
    place: Option<(f64, f64)>,
    accuracy_m: Option<f64>,
    distance_m: Option<f64>,
}

/// The places of a visit's check-in and check-out, so far as they were reported.
pub fn of(visit: &ExportedVisit) -> [Option<Location>; 2] {
    let check_in = Reported {
        place: visit.check_in_latitude.zip(visit.check_in_longitude),
        accuracy_m: visit.check_in_accuracy_m,
        distance_m: visit.check_in_distance_m,
    };
    let check_out = Reported {
        place: visit.check_out_latitude.zip(visit.check_out_longitude),
        accuracy_m: visit.check_out_accuracy_m,
        distance_m: visit.check_out_distance_m,
    };
    [("check-in", check_in), ("check-out", check_out)].map(|(kind, reported)| {
        let (latitude, longitude) = reported.place?;
        let id = format!("{}-{kind}", visit.id);
        let metres = [("accuracy-metres", reported.accuracy_m), ("distance-from-home-metres", reported.distance_m)];
        Some(Location {
            extension: metres
                .into_iter()
                .filter_map(|(name, value)| Some(Extension { value_decimal: Some(value?), ..Extension::ours(name) }))
                .collect(),
            identifier: vec![Identifier::ours("reported-place", id.clone())],
            id,
            status: Some("active"),
            mode: Some("instance"),
            description: Some(format!("Place of the {kind}, as the caregiver's phone reported it")),
            position: Some(Position { longitude, latitude }),
        })
    })
}

/// The client's home, where its coordinates are known.
pub fn home(client: &ExportedClient) -> Option<Location> {
    let (latitude, longitude) = client.latitude.zip(client.longitude)?;
    let id = format!("{}-home", client.id);
    Some(Location {
        identifier: vec![Identifier::ours("home", id.clone())],
        id,
        status: Some("active"),
        mode: Some("instance"),
        description: Some("The client's home".into()),
        position: Some(Position { longitude, latitude }),
        ..Location::default()
    })
}
