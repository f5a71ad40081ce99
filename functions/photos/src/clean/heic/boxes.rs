//! Boxes, and the numbers in them.

use std::ops::Range;

use super::{super::Rejection, Erased};

/// A box as it was found in the file: its type and where its content lies.
pub(super) struct Found {
    pub(super) kind: [u8; 4],
    /// Where its type stands.
    pub(super) kind_at: usize,
    pub(super) body: Range<usize>,
}

impl Found {
    /// Makes it one that readers skip, without anything in it.
    pub(super) fn blanked(self) -> [Erased; 2] {
        [Erased { range: self.kind_at..self.kind_at + 4, with: b"free" }, Erased { range: self.body, with: &[] }]
    }
}

/// The boxes that fill a range, one after the other.
pub(super) struct Boxes<'a> {
    file: &'a [u8],
    rest: Range<usize>,
}

impl<'a> Boxes<'a> {
    pub(super) fn of(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, rest: range }
    }

    fn read(&mut self) -> Result<Found, Rejection> {
        let start = self.rest.start;
        let mut reader = Reader::of(self.file, self.rest.clone());
        let size = reader.number(4)?;
        let kind: [u8; 4] = reader.bytes(4)?.try_into().map_err(|_| Rejection::Unreadable)?;
        let end = match size {
            0 => Some(self.rest.end),
            1 => usize::try_from(reader.number(8)?).ok().and_then(|size| start.checked_add(size)),
            size => usize::try_from(size).ok().and_then(|size| start.checked_add(size)),
        };
        match end {
            Some(end) if reader.at <= end && end <= self.rest.end => {
                self.rest.start = end;
                Ok(Found { kind, kind_at: start + 4, body: reader.at..end })
            }
            _ => Err(Rejection::Unreadable),
        }
    }
}

impl Iterator for Boxes<'_> {
    type Item = Result<Found, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let found = self.read();
        if found.is_err() {
            self.rest.start = self.rest.end;
        }
        Some(found)
    }
}

/// Numbers and bytes in a row, big-endian.
pub(super) struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn of(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, at: range.start, end: range.end }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Rejection> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end).ok_or(Rejection::Unreadable)?;
        let bytes = self.file.get(self.at..end).ok_or(Rejection::Unreadable)?;
        self.at = end;
        Ok(bytes)
    }

    /// A number of up to eight bytes; of none, it is zero.
    pub(super) fn number(&mut self, size: usize) -> Result<u64, Rejection> {
        if size > 8 {
            return Err(Rejection::Unreadable);
        }
        Ok(self.bytes(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The version of a full box, past its flags.
    pub(super) fn version(&mut self) -> Result<u64, Rejection> {
        Ok(self.number(4)? >> 24)
    }

    pub(super) fn id(&mut self, long: bool) -> Result<u32, Rejection> {
        u32::try_from(self.number(if long { 4 } else { 2 })?).map_err(|_| Rejection::Unreadable)
    }

    pub(super) fn rest(&self) -> Range<usize> {
        self.at..self.end
    }
}
