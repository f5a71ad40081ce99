//! From which cursor a device's unsent work began. `WatermelonDB` overlays its own dirty columns on what it pulls, so that
//! the server alone can know which changes of others were made at the same time.

/// What is remembered of a device's pulls and pushes. Cursors are as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkBase {
    /// The cursor that the last pull presented.
    pub pulled_from: Option<i64>,
    /// The cursor that it was answered.
    pub pulled_to: Option<i64>,
    /// Whether it said that nothing waited to be sent.
    pub pulled_clean: bool,
    /// Where the work began, as far as pushes and older pulls tell.
    pub began: Option<i64>,
}

impl WorkBase {
    /// After a first sync or a replacement: the phone has what it was given and nothing else.
    #[must_use]
    pub fn afresh(to: i64) -> Self {
        Self { pulled_from: Some(to), pulled_to: Some(to), pulled_clean: true, began: Some(to) }
    }

    /// After a pull from `presented` to `answered`; `clean` where the phone said that nothing waits.
    #[must_use]
    pub fn pulled(&self, presented: i64, answered: i64, clean: bool) -> Self {
        let began = match (clean, self.pulled_clean) {
            (true, _) => Some(presented),
            // What waits now was written since the last pull, whose answer may have been lost.
            (false, true) => Some(self.pulled_to.map_or(presented, |last| last.min(presented))),
            (false, false) => self.began,
        };
        Self { pulled_from: Some(presented), pulled_to: Some(answered), pulled_clean: clean, began }
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
}
