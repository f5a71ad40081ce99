//! Whose turn it is: each lane sends what is most urgent on its channel, no faster than its number may, beside other
//! dispatchers.

use std::sync::{Mutex, PoisonError};

use domain::error::Error;
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, ToSpan};
use store::{
    DbError,
    tables::{
        messages::Channel,
        sending::{self, Lane, LeasedMessage},
    },
};

use super::Dispatch;

/// How many SMS, or calls, may wait for Twilio's answer at once: one slow answer doesn't hold up an alert.
const AT_ONCE: usize = 8;
/// For how long a run waits for what is due soon; the next run is at most a minute away.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(15);
/// How often in a row a run finds that others took the turn it waited for, before it leaves the lane to them.
const TURNS_LOST: u32 = 3;

impl Dispatch<'_> {
    /// Sends what is due on one channel.
    pub(super) async fn lane(&self, channel: Channel) -> Result<(), Error> {
        let lane = self.sender.lane(channel);
        // What failed shortly and is tried again soon may be due by the time the rest is through.
        while self.drain(&lane).await? > 0 {}
        Ok(())
    }

    /// Takes turn after turn until nothing is due soon; answers how many messages were taken.
    async fn drain(&self, lane: &Lane) -> Result<usize, Error> {
        // How many turns were lost in a row; none after a failure, which ends the stream.
        let turns = stream::unfold(Some(0), async |state| {
            let mut lost = state?;
            let turn = self.next_turn(lane, &mut lost).await.transpose()?;
            let next = turn.is_ok().then_some(lost);
            Some((turn, next))
        });
        let taken = Mutex::new((0, Ok(())));
        turns
            .for_each_concurrent(AT_ONCE, async |turn| {
                let (count, settled) = match turn {
                    Ok(messages) => (messages.len(), self.send(lane.channel, messages).await),
                    Err(error) => (0, Err(error.into())),
                };
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.0 += count;
                if settled.is_err() {
                    taken.1 = settled;
                }
            })
            .await;
        let (count, outcome) = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.map(|()| count)
    }

    /// The next messages to send; `None` where none are due soon, or the time is over.
    async fn next_turn(&self, lane: &Lane, lost: &mut u32) -> Result<Option<Vec<LeasedMessage>>, DbError> {
        while !self.deadline.has_passed() {
            let now = self.clock.now();
            let turn = sending::take(&self.sender.db, lane, self.urgent, now).await?;
            if !turn.taken.0.is_empty() {
                *lost = 0;
                return Ok(Some(turn.taken.0));
            }
            let Some(come_back_at) = turn.come_back_at.filter(|at| at.duration_since(now) <= LONGEST_WAIT) else {
                return Ok(None);
            };
            *lost = if turn.busy { *lost + 1 } else { 0 };
            // The first wait is for the distance to our own last turn. Calls are too urgent to be left to others.
            if *lost > TURNS_LOST && lane.channel != Channel::Voice {
                return Ok(None);
            }
            // Something more urgent may be queued meanwhile.
            self.clock.sleep_until(if turn.busy { come_back_at } else { come_back_at.min(now + 1.second()) }).await;
        }
        self.report.lock().unwrap_or_else(PoisonError::into_inner).cut_off = true;
        Ok(None)
    }
}
