//! What follows when somebody wrote: rounds of telling, until nothing is left to tell.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domain::error::Error;
use uuid::Uuid;

use crate::{Realtime, fan_out};

/// After this another invocation goes on: the function has 29 seconds in all.
const AT_WORK: Duration = Duration::from_secs(15);

/// Tells an agency's listeners what they weren't told yet, or leaves that to who is at it.
///
/// # Errors
/// When it could not be told to somebody: whoever invoked this tries again.
pub async fn tell(realtime: &Realtime, agency: Uuid) -> Result<(), Error> {
    let Some(mut turn) = realtime.turns.take(agency).await? else { return Ok(()) };
    let began = Instant::now();
    loop {
        realtime.turns.begin(&mut turn).await?;
        if let Err(error) = fan_out::round(realtime, agency).await {
            realtime.turns.give_up(&turn).await?;
            return Err(error);
        }
        if realtime.turns.give_back(&turn).await? {
            return Ok(());
        }
        if began.elapsed() > AT_WORK {
            realtime.turns.give_up(&turn).await?;
            realtime.announce(agency).await;
            return Ok(());
        }
    }
}

impl Realtime {
    /// Has this function invoked anew for an agency, when there is something to tell.
    pub async fn announce(&self, agency: Uuid) {
        if let Some(itself) = &self.itself {
            itself.changed(&BTreeSet::from([agency])).await;
        }
    }
}
