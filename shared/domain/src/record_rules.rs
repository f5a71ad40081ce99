//! What records may say, whichever way they come: the checks of REST and of sync both call these. What the documented
//! schema or the column's kind says (lengths, words, ranges) is compared by `tests/sync/rules_of_rest.rs`.

use jiff::Timestamp;

use crate::{limits::LATEST_MS, photo_kinds::PhotoKind};

/// What is said of a time that is none of [`is_plausible_time`].
pub const PLAUSIBLE_TIME: &str = "must be between 1970 and 2200";

/// What is said where one of [`is_whole_place`] lacks.
pub const WHOLE_PLACE: &str = "must be given with the other coordinate";

/// What is said of anything else that [`may_be_shared`] excludes.
pub const FOR_PHOTOS_ONLY: &str = "is for photos only";

/// Whether a phone may have meant it: any later, or before the epoch, it is a mistake.
#[must_use]
pub fn is_plausible_time(time: Timestamp) -> bool {
    (0..LATEST_MS).contains(&time.as_millisecond())
}

/// Whether a place has both coordinates or neither.
#[must_use]
pub fn is_whole_place(latitude: Option<f64>, longitude: Option<f64>) -> bool {
    latitude.is_some() == longitude.is_some()
}

/// Whether families may ever be shown pictures of a kind.
#[must_use]
pub fn may_be_shared(kind: PhotoKind) -> bool {
    kind == PhotoKind::Photo
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn a_time_is_plausible_from_1970_until_2200() {
        for (millisecond, plausible) in [(-1, false), (0, true), (LATEST_MS - 1, true), (LATEST_MS, false)] {
            let time = Timestamp::from_millisecond(millisecond).unwrap();
            assert_eq!(is_plausible_time(time), plausible, "{time}");
        }
    }

    #[test]
    fn a_place_has_both_coordinates_or_neither() {
        assert!(is_whole_place(Some(43.6), Some(-79.4)) && is_whole_place(None, None));
        assert!(!is_whole_place(Some(43.6), None) && !is_whole_place(None, Some(-79.4)));
    }

    #[test]
    fn families_are_shown_photos_alone() {
        for kind in PhotoKind::iter() {
            assert_eq!(may_be_shared(kind), kind == PhotoKind::Photo, "{kind:?}");
        }
    }
}
