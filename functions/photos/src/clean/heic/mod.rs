//! HEIC (ISO/IEC 23008-12): a file of boxes, in which images and metadata are items. Where an item's bytes are, `iloc`
//! says. Nothing is moved, since everything is found by its offset: what is not an image is overwritten where it is.
//!
//! Whatever isn't understood is refused, so that no place that metadata may hide in is overlooked.

mod boxes;
mod properties;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use boxes::{Boxes, Reader};

use super::Rejection;

/// Brands of still images in HEVC, and of the container as such.
const BRANDS: [&[u8; 4]; 6] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"];
/// Brands that a file may name beside: of images in HEVC, of sequences of them, and of the container.
const COMPATIBLE: [&[u8; 4]; 13] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"miaf", b"MiHB", b"MiHE", b"MiPr",
];
/// Of the file's own boxes those that stay: what it is, what is in it, and the data.
const KEPT: [&[u8; 4]; 3] = [b"ftyp", b"meta", b"mdat"];
/// Of `meta`'s boxes those that stay: they say which images there are, how large, how turned, and where. Each is there
/// once: of two, readers might look at the other.
const KEPT_OF_META: [&[u8; 4]; 8] = [b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl"];
/// How one item refers to others: made of them, a thumbnail or an auxiliary picture of them, or describing them.
const REFERENCES: [&[u8; 4]; 8] = [b"dimg", b"thmb", b"auxl", b"cdsc", b"base", b"exbl", b"prem", b"tbas"];
/// What items are together: alternatives, pairs for the two eyes, and pictures taken in one go.
const GROUPS: [&[u8; 4]; 5] = [b"altr", b"ster", b"eqiv", b"brst", b"tsyn"];
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
    let (mut meta, mut data, mut is_first) = (None, Vec::new(), true);
    for found in Boxes::of(file, 0..file.len()) {
        let found = found?;
        let begins = std::mem::take(&mut is_first);
        match &found.kind {
            b"ftyp" if begins => erased.extend(brands(file, found.body)?),
            // A file behind the file, such as a video behind the picture.
            b"ftyp" => erased.extend(found.blanked()),
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
    let mut seen = HashSet::new();
    for found in Boxes::of(file, meta) {
        let found = found?;
        if KEPT_OF_META.contains(&&found.kind) && !seen.insert(found.kind) {
            return Err(Rejection::Unreadable);
        }
        match &found.kind {
            b"iinf" => items = Some(kinds_of_items(file, found.body, &mut erased)?),
            b"iloc" => places = Some(found.body),
            b"idat" => idat = Some(found.body),
            b"iprp" => properties::scrub(file, found.body, &mut erased)?,
            b"hdlr" => erased.push(handlers_name(file, found.body)?),
            b"pitm" => exactly(file, found.body, |reader| {
                let version = reader.version()?;
                reader.id(version > 0).map(drop)
            })?,
            b"iref" => references(file, found.body, &mut erased)?,
            b"grpl" => groups(file, found.body, &mut erased)?,
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
/// Names and media types of items are text that no reader needs.
fn kinds_of_items(file: &[u8], iinf: Range<usize>, erased: &mut Vec<Erased>) -> Result<HashMap<u32, Item>, Rejection> {
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
        erased.push(Erased { range: entry.rest(), with: &[] });
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
            if reader.number(index_size)? != 0 {
                return Err(Rejection::Unreadable);
            }
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
    if reader.rest().is_empty() { Ok(locations) } else { Err(Rejection::Unreadable) }
}

/// Brands that aren't known, and the first one's version, are text that anybody may have written.
fn brands(file: &[u8], ftyp: Range<usize>) -> Result<Vec<Erased>, Rejection> {
    if ftyp.len() < 8 || !ftyp.len().is_multiple_of(4) {
        return Err(Rejection::Unreadable);
    }
    let mut erased = vec![Erased { range: ftyp.start + 4..ftyp.start + 8, with: &[] }];
    for start in (ftyp.start + 8..ftyp.end).step_by(4) {
        let brand = start..start + 4;
        if !is_one_of(&COMPATIBLE, file.get(brand.clone()).unwrap_or_default()) {
            erased.push(Erased { range: brand, with: b"mif1" });
        }
    }
    Ok(erased)
}

/// What stands behind the handler's type: a name.
fn handlers_name(file: &[u8], hdlr: Range<usize>) -> Result<Erased, Rejection> {
    let mut reader = Reader::of(file, hdlr);
    let (_version, _predefined) = (reader.version()?, reader.number(4)?);
    if reader.bytes(4)? != b"pict" {
        return Err(Rejection::Unreadable);
    }
    Ok(Erased { range: reader.rest(), with: &[] })
}

/// Item numbers, to the end of the box.
fn references(file: &[u8], iref: Range<usize>, erased: &mut Vec<Erased>) -> Result<(), Rejection> {
    let mut reader = Reader::of(file, iref);
    let long = reader.version()? > 0;
    for found in Boxes::of(file, reader.rest()) {
        let found = found?;
        if REFERENCES.contains(&&found.kind) {
            exactly(file, found.body, |reader| {
                reader.id(long)?;
                for _ in 0..reader.number(2)? {
                    reader.id(long)?;
                }
                Ok(())
            })?;
        } else {
            erased.extend(found.blanked());
        }
    }
    Ok(())
}

/// The same of groups.
fn groups(file: &[u8], grpl: Range<usize>, erased: &mut Vec<Erased>) -> Result<(), Rejection> {
    for found in Boxes::of(file, grpl) {
        let found = found?;
        if GROUPS.contains(&&found.kind) {
            exactly(file, found.body, |reader| {
                let (_version, _group) = (reader.version()?, reader.number(4)?);
                for _ in 0..reader.number(4)? {
                    reader.id(true)?;
                }
                Ok(())
            })?;
        } else {
            erased.extend(found.blanked());
        }
    }
    Ok(())
}

/// Refuses a box that holds more than is read of it.
fn exactly<'a>(
    file: &'a [u8],
    body: Range<usize>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let mut reader = Reader::of(file, body);
    read(&mut reader)?;
    if reader.rest().is_empty() { Ok(()) } else { Err(Rejection::Unreadable) }
}

fn is_one_of(kinds: &[&[u8; 4]], kind: &[u8]) -> bool {
    kinds.iter().any(|known| known[..] == *kind)
}
