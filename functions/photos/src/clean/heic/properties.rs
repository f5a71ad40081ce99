//! Properties of items: how large, how turned, how coded, in which colours. What isn't known is no picture's business.

use std::ops::Range;

use super::{
    super::{MAX_PIXELS, Rejection},
    Erased,
    boxes::{Boxes, Found, Reader},
    exactly,
};

/// Properties of so many bytes, with version and flags where they have them.
const OF_A_SIZE: [(&[u8; 4], usize); 9] = [
    (b"ispe", 12),
    (b"irot", 1),
    (b"imir", 1),
    (b"pasp", 8),
    (b"clap", 32),
    (b"clli", 4),
    (b"mdcv", 24),
    (b"amve", 8),
    (b"rloc", 12),
];
/// Types of HEVC's parameter sets (ITU-T H.265, table 7-1), without which nobody can show an image. Messages beside
/// them (types 39 and 40) may hold anything.
const PARAMETER_SETS: std::ops::RangeInclusive<usize> = 32..=34;
/// What an auxiliary picture is.
const AUXILIARIES: [&[u8]; 6] = [
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:hevc:2015:auxid:2",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth",
    b"urn:com:apple:photo:2018:aux:hdrgainmap",
    b"urn:com:apple:photo:2020:aux:hdrgainmap",
];
/// The longest colour profile that a phone writes has some kilobytes.
const LONGEST_PROFILE: usize = 64 << 10;
/// A coding's own parameters take some hundred bytes.
const LONGEST_CODING: usize = 4 << 10;

/// Blanks the properties that aren't known, and refuses images that are too large.
pub(super) fn scrub(file: &[u8], iprp: Range<usize>, erased: &mut Vec<Erased>) -> Result<(), Rejection> {
    let mut has_container = false;
    for found in Boxes::of(file, iprp) {
        let found = found?;
        match &found.kind {
            b"ipco" if std::mem::replace(&mut has_container, true) => return Err(Rejection::Unreadable),
            b"ipco" => {
                for property in Boxes::of(file, found.body) {
                    let property = property?;
                    check_size(file, &property)?;
                    if !is_known(file, &property) {
                        // In its place, since associations count them.
                        erased.extend(property.blanked());
                    }
                }
            }
            b"ipma" => associations(file, found.body)?,
            _ => erased.extend(found.blanked()),
        }
    }
    Ok(())
}

/// Whether a property is one that pictures need, and holds nothing else.
fn is_known(file: &[u8], property: &Found) -> bool {
    let body = file.get(property.body.clone()).unwrap_or_default();
    if let Some((_, size)) = OF_A_SIZE.iter().find(|(kind, _)| **kind == property.kind) {
        return body.len() == *size;
    }
    match &property.kind {
        // Bits of each channel.
        b"pixi" => body.get(4).is_some_and(|channels| body.len() == 5 + usize::from(*channels)),
        b"lsel" => body.len() == 2,
        b"colr" => match body.first_chunk() {
            Some(b"nclx") => body.len() == 11,
            Some(b"prof" | b"rICC") => body.len() <= LONGEST_PROFILE && body.get(40..44) == Some(b"acsp"),
            _ => false,
        },
        b"auxC" => {
            let urn = body.get(4..).and_then(|rest| rest.split(|byte| *byte == 0).next()).unwrap_or_default();
            AUXILIARIES.contains(&urn) && body.len() == 4 + urn.len() + 1
        }
        b"hvcC" => body.len() <= LONGEST_CODING && holds_parameter_sets(body),
        _ => false,
    }
}

/// Whether a decoder's configuration (ISO/IEC 14496-15, 8.3.3.1) is made of parameter sets, to its end.
fn holds_parameter_sets(configuration: &[u8]) -> bool {
    const FIXED: usize = 22;
    let read = || -> Option<bool> {
        let (fixed, mut rest) = configuration.split_at_checked(FIXED)?;
        let number = |rest: &mut &[u8], bytes: usize| {
            let (head, tail) = rest.split_at_checked(bytes)?;
            *rest = tail;
            Some(head.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
        };
        for _ in 0..number(&mut rest, 1)? {
            if !PARAMETER_SETS.contains(&(number(&mut rest, 1)? & 0x3F)) {
                return Some(false);
            }
            for _ in 0..number(&mut rest, 2)? {
                let length = number(&mut rest, 2)?;
                rest = rest.get(length..)?;
            }
        }
        Some(fixed.first() == Some(&1) && rest.is_empty())
    };
    read().unwrap_or(false)
}

/// Which properties each item has: numbers, to the end of the box.
fn associations(file: &[u8], ipma: Range<usize>) -> Result<(), Rejection> {
    exactly(file, ipma, |reader| {
        let head = reader.number(4)?;
        let (long_ids, long_indices) = (head >> 24 > 0, head & 1 == 1);
        for _ in 0..reader.number(4)? {
            reader.id(long_ids)?;
            for _ in 0..reader.number(1)? {
                reader.number(if long_indices { 2 } else { 1 })?;
            }
        }
        Ok(())
    })
}

/// Refuses images that are too large: each has its size among the properties.
fn check_size(file: &[u8], property: &Found) -> Result<(), Rejection> {
    if &property.kind == b"ispe" {
        let mut reader = Reader::of(file, property.body.clone());
        let _version = reader.version()?;
        let (width, height) = (reader.number(4)?, reader.number(4)?);
        if width.saturating_mul(height) > MAX_PIXELS {
            return Err(Rejection::TooManyPixels);
        }
    }
    Ok(())
}
