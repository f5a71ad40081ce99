//! HEIC (ISO/IEC 23008-12): a file of boxes, in which images and metadata are items. Where an item's bytes are, `iloc`
//! says. Nothing is moved, since everything is found by its offset: what is not an image is overwritten where it is.
//!
//! Whatever isn't understood is refused, so that no place that metadata may hide in is overlooked.

use std::{collections::HashMap, ops::Range};

use super::{MAX_PIXELS, Rejection};

/// Brands of still images in HEVC, and of the container as such.
const BRANDS: [&[u8; 4]; 6] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"];
/// Of the file's own boxes those that stay: what it is, what is in it, and the data.
const KEPT: [&[u8; 4]; 3] = [b"ftyp", b"meta", b"mdat"];
/// Of `meta`'s boxes those that stay: they say which images there are, how large, how turned, and where.
const KEPT_OF_META: [&[u8; 4]; 9] = [b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"dinf", b"grpl"];
/// Types of items that are images: coded ones, and those put together from others.
const IMAGES: [&[u8; 4]; 8] = [b"hvc1", b"hev1", b"lhv1", b"jpeg", b"grid", b"iden", b"iovl", b"tmap"];
/// How many items, and pieces of them, are looked at. A phone's 48 megapixels in tiles are some two hundred.
const MOST_PIECES: usize = 10_000;
/// How many boxes of data: phones write one.
const MOST_DATA: usize = 100;
/// EXIF that says nothing: no offset, and a directory without entries.
const EMPTY_EXIF: [u8; 18] = *b"\0\0\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0";

/// Whether a file begins as HEIC does.
pub(super) fn begins_as_heic(file: &[u8]) -> bool {
    let Some(Ok(first)) = Boxes::of(file, 0..file.len()).next() else { return false };
    let mut brands = file.get(first.body).unwrap_or_default().chunks_exact(4);
    &first.kind == b"ftyp" && brands.next().is_some_and(|major| is_one_of(&BRANDS, major))
}

/// The same file without its metadata: EXIF, XMP and everything else that is not an image.
pub(super) fn scrub(mut file: Vec<u8>) -> Result<Vec<u8>, Rejection> {
    let erased = erasable(&file)?;
    for Erased { range, with } in erased {
        let place = file.get_mut(range).ok_or(Rejection::Unreadable)?;
        place.fill(0);
        if let Some(start) = place.get_mut(..with.len()) {
            start.copy_from_slice(with);
        }
    }
    Ok(file)
}

/// What is overwritten, and with what; the rest of it with zeros.
struct Erased {
    range: Range<usize>,
    with: &'static [u8],
}

fn erasable(file: &[u8]) -> Result<Vec<Erased>, Rejection> {
    let mut erased = Vec::new();
    let (mut meta, mut data) = (None, Vec::new());
    for found in Boxes::of(file, 0..file.len()) {
        let found = found?;
        match &found.kind {
            b"meta" if meta.is_some() => return Err(Rejection::Unreadable),
            b"meta" => meta = Some(found.body),
            b"mdat" if data.len() == MOST_DATA => return Err(Rejection::Unreadable),
            b"mdat" => data.push(found.body),
            kind if KEPT.contains(&kind) => {}
            _ => erased.extend(found.blanked()),
        }
    }
    let meta = meta.ok_or(Rejection::Unreadable)?;
    // Its version and flags come first.
    let meta = meta.start + 4..meta.end;
    let (mut items, mut places, mut idat) = (None, None, None);
    for found in Boxes::of(file, meta) {
        let found = found?;
        match &found.kind {
            b"iinf" => items = Some(kinds_of_items(file, found.body)?),
            b"iloc" => places = Some(found.body),
            b"idat" => idat = Some(found.body),
            b"iprp" => check_size(file, found.body)?,
            kind if KEPT_OF_META.contains(&kind) => {}
            _ => erased.extend(found.blanked()),
        }
    }
    let (items, places) = (items.ok_or(Rejection::Unreadable)?, places.ok_or(Rejection::Unreadable)?);
    data.extend(idat.clone());
    let (mut images, mut metadata) = (Vec::new(), Vec::new());
    for (item, range) in locations(file, places, idat.as_ref())? {
        let with: &'static [u8] = match items.get(&item) {
            Some(Item::Image) => {
                images.push(range);
                continue;
            }
            Some(Item::Exif) => &EMPTY_EXIF,
            Some(Item::Other) | None => &[],
        };
        // Never over the boxes that say where things are.
        if !data.iter().any(|data| data.start <= range.start && range.end <= data.end) {
            return Err(Rejection::Unreadable);
        }
        metadata.push(Erased { range, with });
    }
    // Metadata may lie where no item says that it is.
    images.sort_unstable_by_key(|image| image.start);
    erased.extend(data.iter().flat_map(|data| outside(data, &images)));
    erased.extend(metadata);
    Ok(erased)
}

/// What of the data is in no image; these in the order of their starts.
fn outside(data: &Range<usize>, images: &[Range<usize>]) -> Vec<Erased> {
    let mut erased = Vec::new();
    let mut at = data.start;
    for image in images {
        if at < image.start.min(data.end) {
            erased.push(Erased { range: at..image.start.min(data.end), with: &[] });
        }
        at = at.max(image.end);
    }
    if at < data.end {
        erased.push(Erased { range: at..data.end, with: &[] });
    }
    erased
}

enum Item {
    Image,
    Exif,
    Other,
}

/// What each item is; one that is said to be several things is no image.
fn kinds_of_items(file: &[u8], iinf: Range<usize>) -> Result<HashMap<u32, Item>, Rejection> {
    let mut reader = Reader::of(file, iinf);
    let version = reader.version()?;
    let _count = if version == 0 { reader.number(2)? } else { reader.number(4)? };
    let mut items = HashMap::new();
    for found in Boxes::of(file, reader.rest()) {
        let found = found?;
        if &found.kind != b"infe" {
            return Err(Rejection::Unreadable);
        }
        let mut entry = Reader::of(file, found.body);
        let version = entry.version()?;
        let id = entry.id(version == 3)?;
        let _protection = entry.number(2)?;
        // Before version 2 an item has no type, and is never an image.
        let kind = if version >= 2 { entry.bytes(4)? } else { &[] };
        let item = match kind {
            b"Exif" => Item::Exif,
            kind if is_one_of(&IMAGES, kind) => Item::Image,
            _ => Item::Other,
        };
        if !matches!(items.get(&id), Some(Item::Exif | Item::Other)) {
            items.insert(id, item);
        }
    }
    Ok(items)
}

/// Where every item's bytes are, in the file.
fn locations(
    file: &[u8],
    iloc: Range<usize>,
    idat: Option<&Range<usize>>,
) -> Result<Vec<(u32, Range<usize>)>, Rejection> {
    let mut reader = Reader::of(file, iloc);
    let version = reader.version()?;
    let sizes = reader.number(2)?;
    let size = |shift: u32| usize::try_from(sizes >> shift & 0xf).unwrap_or(0);
    let (offset_size, length_size, base_size) = (size(12), size(8), size(4));
    let index_size = if version == 0 { 0 } else { size(0) };
    let count = if version < 2 { reader.number(2)? } else { reader.number(4)? };
    let mut locations = Vec::new();
    for _ in 0..count {
        let id = reader.id(version >= 2)?;
        let method = if version == 0 { 0 } else { reader.number(2)? & 0xf };
        let reference = reader.number(2)?;
        let base = reader.number(base_size)?;
        let extents = reader.number(2)?;
        for _ in 0..extents {
            let _index = reader.number(index_size)?;
            let (offset, length) = (reader.number(offset_size)?, reader.number(length_size)?);
            let start = base.checked_add(offset).ok_or(Rejection::Unreadable)?;
            // In this file, or in `idat`; not in other files, nor in other items, and not "all there is".
            let from = match (method, idat) {
                (0, _) => 0,
                (1, Some(idat)) => idat.start,
                _ => return Err(Rejection::Unreadable),
            };
            if reference != 0 || length == 0 {
                return Err(Rejection::Unreadable);
            }
            let start = usize::try_from(start).ok().and_then(|start| start.checked_add(from));
            let end = start.and_then(|start| start.checked_add(usize::try_from(length).ok()?));
            match (start, end) {
                (Some(start), Some(end)) if end <= file.len() && locations.len() < MOST_PIECES => {
                    locations.push((id, start..end));
                }
                _ => return Err(Rejection::Unreadable),
            }
        }
    }
    Ok(locations)
}

/// Refuses images that are too large: each has its size among the properties.
fn check_size(file: &[u8], iprp: Range<usize>) -> Result<(), Rejection> {
    for container in Boxes::of(file, iprp) {
        let container = container?;
        if &container.kind != b"ipco" {
            continue;
        }
        for property in Boxes::of(file, container.body) {
            let property = property?;
            if &property.kind == b"ispe" {
                let mut reader = Reader::of(file, property.body);
                let _version = reader.version()?;
                let (width, height) = (reader.number(4)?, reader.number(4)?);
                if width.saturating_mul(height) > MAX_PIXELS {
                    return Err(Rejection::TooManyPixels);
                }
            }
        }
    }
    Ok(())
}

fn is_one_of(kinds: &[&[u8; 4]], kind: &[u8]) -> bool {
    kinds.iter().any(|known| known[..] == *kind)
}

/// A box as it was found in the file: its type and where its content lies.
struct Found {
    kind: [u8; 4],
    /// Where its type stands.
    kind_at: usize,
    body: Range<usize>,
}

impl Found {
    /// Makes it one that readers skip, without anything in it.
    fn blanked(self) -> [Erased; 2] {
        [Erased { range: self.kind_at..self.kind_at + 4, with: b"free" }, Erased { range: self.body, with: &[] }]
    }
}

/// The boxes that fill a range, one after the other.
struct Boxes<'a> {
    file: &'a [u8],
    rest: Range<usize>,
}

impl<'a> Boxes<'a> {
    fn of(file: &'a [u8], range: Range<usize>) -> Self {
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
struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn of(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, at: range.start, end: range.end }
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Rejection> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end).ok_or(Rejection::Unreadable)?;
        let bytes = self.file.get(self.at..end).ok_or(Rejection::Unreadable)?;
        self.at = end;
        Ok(bytes)
    }

    /// A number of up to eight bytes; of none, it is zero.
    fn number(&mut self, size: usize) -> Result<u64, Rejection> {
        if size > 8 {
            return Err(Rejection::Unreadable);
        }
        Ok(self.bytes(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The version of a full box, past its flags.
    fn version(&mut self) -> Result<u64, Rejection> {
        Ok(self.number(4)? >> 24)
    }

    fn id(&mut self, long: bool) -> Result<u32, Rejection> {
        u32::try_from(self.number(if long { 4 } else { 2 })?).map_err(|_| Rejection::Unreadable)
    }

    fn rest(&self) -> Range<usize> {
        self.at..self.end
    }
}
