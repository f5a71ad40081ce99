//! From which cursor a device's unsent work began. `WatermelonDB` overlays its own dirty columns on what it pulls, so
//! that the server alone can know which changes of others were made at the same time.
//!
//! Two bases: one for what the device is sent, and a lower one for clients that were taken away. Until their tombstones
//! have arrived the device has them and may write, but isn't sent what others write there: its cursor moves on and
//! tells nothing of them.

use serde::Deserialize;

/// What is remembered of a device's pulls and pushes. Cursors are as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct WorkBase {
    /// The cursor that the last pull presented.
    pub pulled_from: Option<i64>,
    /// The cursor that it was answered.
    pub pulled_to: Option<i64>,
    /// Whether it said that nothing waited to be sent.
    pub pulled_clean: bool,
    /// The cursor that the last pull was answered which said so.
    pub clean_at: Option<i64>,
    /// Where the work began, as far as pushes and older pulls tell.
    pub began: Option<i64>,
    /// The cursor that the first pull presented which withheld rows of clients that the device has.
    pub withheld_from: Option<i64>,
    /// The cursor that the first pull was answered which withheld none any more.
    pub full_sync_cursor: Option<i64>,
}

/// A pull, as far as it moves the base.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// The cursor that the phone held.
    pub presented: i64,
    /// The one that it is answered.
    pub answered: i64,
    /// Whether it said that nothing waits to be sent.
    pub clean: bool,
    /// Whether it has clients whose rows it isn't sent any more.
    pub withheld: bool,
    /// Whether another page follows.
    pub has_more: bool,
}

impl WorkBase {
    /// After a first sync or a replacement: the phone has what it was given and nothing else.
    #[must_use]
    pub fn afresh(to: i64) -> Self {
        Self {
            pulled_from: Some(to),
            pulled_to: Some(to),
            pulled_clean: true,
            clean_at: Some(to),
            began: Some(to),
            ..Self::default()
        }
    }

    /// After a pull.
    #[must_use]
    pub fn pulled(&self, pull: Pull) -> Self {
        let began = match (pull.clean, self.pulled_clean) {
            (true, _) => Some(pull.presented),
            // What waits now was written since the last pull, whose answer may have been lost.
            (false, true) => Some(self.pulled_to.map_or(pull.presented, |last| last.min(pull.presented))),
            (false, false) => self.began,
        };
        let moved = Self {
            pulled_from: Some(pull.presented),
            pulled_to: Some(pull.answered),
            pulled_clean: pull.clean,
            clean_at: if pull.clean { Some(pull.answered) } else { self.clean_at },
            began,
            ..*self
        };
        let (withheld_from, full_sync_cursor) = match (pull.withheld, moved.rows_missing_from()) {
            (true, before) => (before.or(Some(pull.presented)), None),
            (false, Some(before)) if pull.has_more => (Some(before), self.full_sync_cursor),
            (false, Some(before)) => (Some(before), self.full_sync_cursor.or(Some(pull.answered))),
            (false, None) => (None, None),
        };
        Self { withheld_from, full_sync_cursor, ..moved }
    }

    /// After a committed push by a phone that held `held`: what it writes from now on begins there.
    #[must_use]
    pub fn pushed(&self, held: Option<i64>) -> Self {
        Self { pulled_clean: false, began: held, ..*self }
    }

    /// Where the work of a push began. Where the last pull found nothing waiting, what comes now was written while that
    /// pull ran, and knows nothing of what it brought.
    #[must_use]
    pub fn of_push(&self) -> Option<i64> {
        if self.pulled_clean { self.pulled_from.or(self.began) } else { self.began }
    }

    /// The same for clients that were taken away since: no later than from where their rows were withheld.
    #[must_use]
    pub fn of_push_for_taken(&self) -> Option<i64> {
        match self.rows_missing_from() {
            Some(withheld) => self.of_push().map(|base| base.min(withheld)),
            None => self.of_push(),
        }
    }

    /// From where rows were withheld, until all work began with everything there.
    fn rows_missing_from(&self) -> Option<i64> {
        let settled = self.full_sync_cursor.is_some_and(|whole| self.of_push().is_some_and(|base| base >= whole));
        self.withheld_from.filter(|_| !settled)
    }
}
