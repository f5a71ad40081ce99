//! How an export is written: the formats take records one by one, and a sink takes their bytes.

use domain::{answer::bytes_in_answer, error::Error};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{
    Identity, Tx,
    reads::export::{
        self, Exported, ExportedAlert, ExportedAuditEntry, ExportedCarePlan, ExportedConflict, ExportedConsent,
        ExportedMember, ExportedMessage, ExportedPhoto, ExportedRefusal, ExportedReply, ExportedRevision, ExportedTask,
        ExportedVisit, Head, Pages,
    },
};
use uuid::Uuid;

/// Why an export isn't whole.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The sink takes no more.
    #[error("the export doesn't fit")]
    Full,
    /// What was read couldn't be, or not be written.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Whether something was written.
pub type Written = Result<(), Failure>;

/// What takes an export's bytes.
pub trait Sink: Send {
    /// Takes what is part of a file already.
    fn bytes(&mut self, bytes: &[u8]) -> Written;

    /// Takes what is JSON already, or a part of it.
    fn text(&mut self, json: &str) -> Written {
        self.bytes(json.as_bytes())
    }

    /// Hands on what it took, once that is much. Asked after each page of records.
    fn settle(&mut self) -> impl Future<Output = Written> + Send {
        std::future::ready(Ok(()))
    }

    /// Takes a value as JSON.
    fn json(&mut self, value: &impl Serialize) -> Written {
        self.text(&serde_json::to_string(value).map_err(|error| Error::Internal(error.into()))?)
    }
}

/// An answer, which takes so much and no more.
#[derive(Debug)]
pub struct Answer {
    body: String,
    room: usize,
}

impl Answer {
    /// One that takes `room` bytes, as they stand in Lambda's answer.
    pub fn of(room: usize) -> Self {
        Self { body: String::new(), room }
    }

    /// What it took.
    pub fn into_body(self) -> String {
        self.body
    }
}

impl Sink for Answer {
    fn bytes(&mut self, bytes: &[u8]) -> Written {
        self.text(str::from_utf8(bytes).map_err(|error| Error::Internal(error.into()))?)
    }

    fn text(&mut self, json: &str) -> Written {
        self.room = self.room.checked_sub(bytes_in_answer(json)).ok_or(Failure::Full)?;
        self.body.push_str(json);
        Ok(())
    }
}

/// What writes the records of one kind.
pub trait Take<R> {
    /// Writes a record.
    fn take(&mut self, record: R, out: &mut impl Sink) -> Written;
}

/// A format: what comes before the records, between their kinds, and after them.
pub trait Format:
    Take<ExportedCarePlan>
    + Take<ExportedMember>
    + Take<ExportedConsent>
    + Take<ExportedVisit>
    + Take<ExportedTask>
    + Take<ExportedPhoto>
    + Take<ExportedAlert>
    + Take<ExportedMessage>
    + Take<ExportedReply>
    + Take<ExportedRevision>
    + Take<ExportedConflict>
    + Take<ExportedRefusal>
    + Take<ExportedAuditEntry>
{
    /// What an export begins with.
    fn begin(&mut self, head: &Head, out: &mut impl Sink) -> Written;

    /// The records of a kind follow.
    fn open(&mut self, _kind: &'static str, _out: &mut impl Sink) -> Written {
        Ok(())
    }

    /// There are no more of that kind.
    fn close(&mut self, _out: &mut impl Sink) -> Written {
        Ok(())
    }

    /// There is no more at all.
    fn end(&mut self, out: &mut impl Sink) -> Written;
}

/// An export under way.
struct Export<'a, F, S, I> {
    tx: &'a Tx<I>,
    client_id: Uuid,
    format: F,
    out: &'a mut S,
    counts: Map<String, Value>,
}

impl<F: Format, S: Sink, I: Identity> Export<'_, F, S, I> {
    async fn all<R: Exported>(&mut self, kind: &'static str) -> Written
    where
        F: Take<R>,
    {
        self.format.open(kind, self.out)?;
        let mut pages = Pages::of_client(self.client_id);
        let mut count = 0;
        loop {
            let page: Vec<R> = pages.next(self.tx).await.map_err(Error::from)?;
            if page.is_empty() {
                break;
            }
            count += page.len();
            for record in page {
                self.format.take(record, self.out)?;
            }
            self.out.settle().await?;
        }
        self.counts.insert(kind.into(), count.into());
        self.format.close(self.out)
    }
}

/// Writes everything held on a client, page by page, and says how many records of each kind that was. Each kind comes
/// after those that it refers to.
///
/// # Errors
/// Not found where the caller sees no such client; [`Failure::Full`] where the sink takes no more.
pub async fn write<I: Identity>(
    tx: &Tx<I>,
    client_id: Uuid,
    mut format: impl Format,
    out: &mut impl Sink,
) -> Result<Value, Failure> {
    let head = export::head(tx, client_id).await?;
    format.begin(&head, out)?;
    out.settle().await?;
    drop(head);
    let mut export = Export { tx, client_id, format, out, counts: Map::new() };
    export.all::<ExportedCarePlan>("care_plans").await?;
    export.all::<ExportedMember>("care_team").await?;
    export.all::<ExportedConsent>("consents").await?;
    export.all::<ExportedVisit>("visits").await?;
    export.all::<ExportedTask>("tasks").await?;
    export.all::<ExportedPhoto>("photos").await?;
    export.all::<ExportedAlert>("alerts").await?;
    export.all::<ExportedMessage>("messages").await?;
    export.all::<ExportedReply>("replies").await?;
    export.all::<ExportedRevision>("chart_revisions").await?;
    export.all::<ExportedConflict>("conflicts").await?;
    export.all::<ExportedRefusal>("refusals").await?;
    export.all::<ExportedAuditEntry>("audit_entries").await?;
    export.format.end(export.out)?;
    Ok(Value::Object(export.counts))
}
