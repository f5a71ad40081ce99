//! As much as goes into one answer.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use domain::answer::{ANSWER_BYTES, bytes_in_answer};
use flate2::{Compression, write::GzEncoder};
use store::reads::sync_pull::Item;
use uuid::Uuid;

/// What an answer may hold, in bytes. Lambda takes 6 MB (6,291,556 bytes), of which base64 leaves three quarters to
/// what is compressed; what is not stands in them as a JSON string, with its quotes escaped.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Before compression: as it stands in the answer where there is none. Bounds memory and time, too.
    plain: usize,
    /// After it; none where the phone takes no compression.
    compressed: Option<usize>,
}

impl Room {
    pub(crate) const PLAIN: Self = Self { plain: ANSWER_BYTES, compressed: None };
    pub(crate) const COMPRESSED: Self = Self { plain: 24 << 20, compressed: Some(4_300_000) };
}

/// What the id of a deleted record takes, with its quotes escaped and a comma.
const DELETED_ID_BYTES: usize = 41;

/// How much of a [`Room`] is full.
struct Filled {
    plain: usize,
    gzip: Option<GzEncoder<Count>>,
    escaped: bool,
}

impl Filled {
    /// Compresses only where there is more than would fit uncompressed; and at the quickest level, which leaves more
    /// than the one that the answer is compressed at.
    fn of(room: Room, rows: &[Item]) -> Self {
        let all: usize = rows.iter().map(|row| size_of(row, false)).sum();
        let may_be_too_much = room.compressed.is_some_and(|compressed| all > compressed);
        Self {
            plain: 0,
            escaped: room.compressed.is_none(),
            gzip: may_be_too_much.then(|| GzEncoder::new(Count(0), Compression::fast())),
        }
    }

    fn add(&mut self, row: &Item) {
        self.plain += size_of(row, self.escaped);
        if let (Some(gzip), Some(body)) = (&mut self.gzip, &row.body) {
            // A counter takes everything.
            let _ = gzip.write_all(body.as_bytes());
        }
    }

    fn leaves_any_of(&self, room: Room) -> bool {
        let compressed = self.gzip.as_ref().map_or(0, |gzip| gzip.get_ref().0);
        self.plain < room.plain && room.compressed.is_none_or(|most| compressed < most)
    }
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As many rows as go into one answer.
pub(crate) struct Page {
    /// In the order of their numbers.
    pub(crate) rows: Vec<Item>,
    /// The number at which the next page begins.
    pub(crate) last: i64,
    pub(crate) has_more: bool,
}

impl Page {
    pub(crate) fn whole(rows: Vec<Item>) -> Self {
        Self { last: rows.last().map_or(0, |row| row.number), rows, has_more: false }
    }

    /// Cuts between two numbers: what goes by one number is never split. `limit` is how many rows were asked for: where
    /// so many came, the last number may be incomplete.
    pub(crate) fn cut(mut rows: Vec<Item>, room: Room, limit: i64) -> Self {
        let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        if full {
            let last = rows.last().map_or(0, |row| row.number);
            rows.truncate(rows.partition_point(|row| row.number < last));
        }
        let (mut filled, mut last) = (Filled::of(room, &rows), None);
        let fitting = rows.iter().take_while(|row| {
            let fits = filled.leaves_any_of(room) || last.is_none_or(|last| last == row.number);
            filled.add(row);
            last = Some(row.number);
            fits
        });
        let count = fitting.count();
        let has_more = full || count < rows.len();
        rows.truncate(count);
        let last = rows.last().map_or(0, |row| row.number);
        Self { rows, last, has_more }
    }

    /// What goes by the first number alone.
    pub(crate) fn first_number(rows: Vec<Item>) -> Self {
        Self::cut(rows, Room { plain: 1, compressed: None }, i64::MAX)
    }

    /// Whether all of it goes by one number and is more than there is room for, or than could be asked for.
    pub(crate) fn is_one_number_over(&self, room: Room) -> bool {
        match self.rows.first() {
            Some(first) => {
                let mut filled = Filled::of(room, &self.rows);
                self.rows.iter().for_each(|row| filled.add(row));
                first.number == self.last && !filled.leaves_any_of(room)
            }
            None => self.has_more,
        }
    }

    /// How many records of each client are in it.
    pub(crate) fn by_client(&self) -> BTreeMap<Uuid, usize> {
        let mut clients = BTreeMap::new();
        for client_id in self.rows.iter().filter_map(|row| row.client_id) {
            *clients.entry(client_id).or_default() += 1;
        }
        clients
    }
}

fn size_of(row: &Item, escaped: bool) -> usize {
    match &row.body {
        Some(body) if escaped => bytes_in_answer(body) + 1,
        Some(body) => body.len() + 1,
        None => DELETED_ID_BYTES,
    }
}
