//! What a JPEG says of itself before it is decoded (ITU-T T.81, annex B).

use super::{MOST_MEMORY, Rejection};

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
/// What a decoder answers: red, green, blue.
const BYTES_A_PIXEL: u64 = 3;
/// What a decoder holds of each component of each pixel where it must wait for the last scan.
const BYTES_A_COEFFICIENT: u64 = 2;

/// The frame, as its header has it.
#[derive(Clone, Copy)]
struct Frame {
    pixels: u64,
    components: u8,
    progressive: bool,
}

impl Frame {
    /// Bytes that it takes to decode it, where its components come in several scans: nothing can be drawn before the
    /// last.
    fn memory_in_scans(self) -> u64 {
        self.pixels.saturating_mul(BYTES_A_PIXEL + BYTES_A_COEFFICIENT * u64::from(self.components))
    }
}

/// Refuses a file that breaks off: the decoder fills what is missing with grey, and a nurse would find a wound half
/// grey later. And one that takes too much memory to decode, which the decoder's own limits don't count. What follows
/// the end doesn't matter: phones keep a second picture there.
pub(super) fn check(file: &[u8]) -> Result<(), Rejection> {
    let mut frame = None;
    let mut at = 2;
    loop {
        let marker = next_marker(file, &mut at).ok_or(Rejection::Unreadable)?;
        match marker {
            END_OF_IMAGE => return Ok(()),
            // TEM and the restart markers stand alone.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let segment = segment(file, &mut at).ok_or(Rejection::Unreadable)?;
        match marker {
            // All of them but DHT, JPG and DAC.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                frame = Some(read_frame(marker, segment).ok_or(Rejection::Unreadable)?);
            }
            START_OF_SCAN => {
                let frame = frame.ok_or(Rejection::Unreadable)?;
                let in_this_scan = segment.first().ok_or(Rejection::Unreadable)?;
                let in_scans = frame.progressive || *in_this_scan < frame.components;
                if in_scans && frame.memory_in_scans() > MOST_MEMORY {
                    return Err(Rejection::TooMuchMemory);
                }
                skip_scan(file, &mut at).ok_or(Rejection::Unreadable)?;
            }
            _ => {}
        }
    }
}

/// The marker at `at`, which moves past it.
fn next_marker(file: &[u8], at: &mut usize) -> Option<u8> {
    if *file.get(*at)? != 0xff {
        return None;
    }
    while *file.get(*at)? == 0xff {
        *at += 1;
    }
    *at += 1;
    file.get(*at - 1).copied()
}

/// What follows a marker, without its length; `at` moves past it.
fn segment<'a>(file: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_be_bytes(file.get(*at..*at + 2)?.try_into().ok()?)).max(2);
    let segment = file.get(*at + 2..*at + length);
    *at += length;
    segment
}

fn read_frame(marker: u8, header: &[u8]) -> Option<Frame> {
    let &[_precision, h1, h2, w1, w2, components] = header.first_chunk()?;
    let (height, width) = (u16::from_be_bytes([h1, h2]), u16::from_be_bytes([w1, w2]));
    Some(Frame { pixels: u64::from(width) * u64::from(height), components, progressive: marker & 0x3 == 2 })
}

/// Moves past a scan's data, to the marker after it. In the data a byte 255 is followed by zero, or by a restart
/// marker.
fn skip_scan(file: &[u8], at: &mut usize) -> Option<()> {
    let data = file.get(*at..)?;
    *at += data.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff))?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The markers of a progressive JPEG of three components, with nothing in its one scan.
    fn progressive(width: u16, height: u16) -> Vec<u8> {
        let ([h1, h2], [w1, w2]) = (height.to_be_bytes(), width.to_be_bytes());
        let frame = [0xff, 0xc2, 0, 8, 8, h1, h2, w1, w2, 3];
        [&[0xff, 0xd8][..], &frame, &[0xff, START_OF_SCAN, 0, 3, 3, 0xff, END_OF_IMAGE]].concat()
    }

    #[test]
    fn a_progressive_jpeg_of_33_megapixels_is_taken_and_not_one_row_more() {
        assert_eq!(check(&progressive(8192, 4096)), Ok(()));
        assert_eq!(check(&progressive(8192, 4097)), Err(Rejection::TooMuchMemory));
    }
}
