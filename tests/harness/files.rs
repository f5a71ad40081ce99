//! Files as phones and attackers make them, made here.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::ZlibEncoder};
use image::{
    ExtendedColorType, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};

pub const RED: [u8; 3] = [220, 20, 30];
pub const BLUE: [u8; 3] = [20, 40, 210];

/// A place: what must be nowhere in a clean copy. As a rational number of degrees, minutes and seconds.
const LATITUDE: [(u32, u32); 3] = [(43, 1), (38, 1), (3_303_303, 100_000)];

/// What finds that place in a file.
pub fn place() -> Vec<u8> {
    LATITUDE.iter().flat_map(|(over, under)| [over.to_le_bytes(), under.to_le_bytes()].concat()).collect()
}

/// EXIF (TIFF, little-endian) with an orientation and a place.
pub fn exif(orientation: u16) -> Vec<u8> {
    const DIRECTORY: u32 = 8;
    const GPS: u32 = DIRECTORY + 2 + 2 * 12 + 4;
    const VALUES: u32 = GPS + 2 + 2 * 12 + 4;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    [
        b"II\x2a\0".to_vec(),
        DIRECTORY.to_le_bytes().to_vec(),
        2_u16.to_le_bytes().to_vec(),
        entry(0x0112, 3, 1, [orientation.to_le_bytes(), [0; 2]].concat().try_into().unwrap()),
        entry(0x8825, 4, 1, GPS.to_le_bytes()),
        vec![0; 4],
        2_u16.to_le_bytes().to_vec(),
        entry(0x0001, 2, 2, *b"N\0\0\0"),
        entry(0x0002, 5, 3, VALUES.to_le_bytes()),
        vec![0; 4],
        place(),
    ]
    .concat()
}

/// Red on the left, blue on the right.
pub fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { RED } else { BLUE }))
}

/// A JPEG as a phone makes it: the picture may lie on its side, and EXIF says how to turn it.
pub fn jpeg(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let mut file = Vec::new();
    encode(JpegEncoder::new_with_quality(&mut file, 90), &picture(width, height), orientation);
    file
}

/// The same picture, coded so that it can be drawn coarsely before all of it is there.
pub fn progressive_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_progressive(true);
    let picture = picture(width.into(), height.into());
    encoder.encode(&picture, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    file
}

pub fn png(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let mut file = Vec::new();
    encode(PngEncoder::new(&mut file), &picture(width, height), orientation);
    file
}

pub fn webp(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let mut file = Vec::new();
    encode(WebPEncoder::new_lossless(&mut file), &picture(width, height), orientation);
    file
}

fn encode(mut encoder: impl ImageEncoder, picture: &RgbImage, orientation: u16) {
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
}

/// A signature: a blue stroke on nothing.
pub fn signature(seed: u8) -> Vec<u8> {
    let stroke = RgbaImage::from_fn(300, 100, |x, y| {
        if (x + u32::from(seed)) % 100 == y { Rgba([0, 0, 180, 255]) } else { Rgba([0; 4]) }
    });
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&stroke, 300, 100, ExtendedColorType::Rgba8).unwrap();
    file
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(kind);
    checksum.update(data);
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], kind, data, &checksum.sum().to_be_bytes()].concat()
}

fn deflated(zeros: usize) -> Vec<u8> {
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..zeros / 65_536 {
        deflate.write_all(&vec![0; 65_536]).unwrap();
    }
    deflate.finish().unwrap()
}

/// A PNG that says it has so many pixels, and holds `inflated` bytes of zeros.
pub fn png_of_zeros(width: u32, height: u32, inflated: usize) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &deflated(inflated)), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

/// A small PNG with a text that inflates to so many bytes.
pub fn png_with_long_text(inflated: usize) -> Vec<u8> {
    let small = png(20, 10, 1);
    // Behind IHDR, which ends at 33.
    let profile = [b"ICC\0\0".to_vec(), deflated(inflated)].concat();
    [&small[..33], &chunk(b"iCCP", &profile), &small[33..]].concat()
}

fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], kind, body].concat()
}

/// What a HEIC of [`heic`] holds in place of an image.
pub const CODED_IMAGE: &[u8] = b"this stands for an image in HEVC";

/// A HEIC with one image, EXIF with a place, XMP, and a box of a maker's own behind them.
pub fn heic(width: u32, height: u32) -> Vec<u8> {
    heic_in_pieces(width, height, 1)
}

/// The same, with each item's bytes in so many places, which are the same place again and again.
pub fn heic_in_pieces(width: u32, height: u32, pieces: u16) -> Vec<u8> {
    let exif = [vec![0; 4], exif(6)].concat();
    let xmp = b"<x:xmpmeta>exif:GPSLatitude 43,38.55N</x:xmpmeta>".to_vec();
    let items: [(u16, &[u8; 4], Vec<u8>); 3] =
        [(1, b"hvc1", CODED_IMAGE.to_vec()), (2, b"Exif", exif), (3, b"mime", xmp)];
    let entry = |id: u16, kind: &[u8; 4]| {
        let tail: &[u8] = if kind == b"mime" { b"\0application/rdf+xml\0" } else { b"\0" };
        boxed(b"infe", &[&[2, 0, 0, 0][..], &id.to_be_bytes(), &[0; 2], kind, tail].concat())
    };
    let entries: Vec<u8> = items.iter().flat_map(|(id, kind, _)| entry(*id, kind)).collect();
    let size = [&[0; 4][..], &width.to_be_bytes(), &height.to_be_bytes()].concat();
    let meta = |data_at: usize| {
        let mut at = data_at;
        let places: Vec<u8> = items
            .iter()
            .flat_map(|(id, _, bytes)| {
                let place = [u32::try_from(at).unwrap(), u32::try_from(bytes.len()).unwrap()].map(u32::to_be_bytes);
                at += bytes.len();
                let places = place.concat().repeat(pieces.into());
                [&id.to_be_bytes()[..], &[0; 4], &pieces.to_be_bytes(), &places].concat()
            })
            .collect();
        let boxes = [
            boxed(b"hdlr", &[&[0; 8][..], b"pict", &[0; 13]].concat()),
            boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
            boxed(b"iinf", &[&[0; 4][..], &[0, 3], &entries].concat()),
            boxed(b"iloc", &[&[1, 0, 0, 0, 0x44, 0x00, 0, 3][..], &places].concat()),
            boxed(b"iprp", &boxed(b"ipco", &boxed(b"ispe", &size))),
        ];
        boxed(b"meta", &[vec![0; 4], boxes.concat()].concat())
    };
    let kind = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
    let data_at = kind.len() + meta(0).len() + 8;
    let data: Vec<u8> = items.iter().flat_map(|(.., bytes)| bytes.clone()).collect();
    let makers = boxed(b"uuid", &[&[7; 16][..], &place()].concat());
    [kind, meta(data_at), boxed(b"mdat", &data), makers].concat()
}

/// A PDF of one empty page, with `more` in its trailer.
pub fn pdf_with(more: &str) -> Vec<u8> {
    pdf_of("", "", more)
}

/// A PDF of one empty page, with more in its catalogue, in its trailer, and among its objects where no list names it.
pub fn pdf_of(catalog: &str, unlisted: &str, more: &str) -> Vec<u8> {
    let mut file = String::from("%PDF-1.7\n");
    let mut places = String::new();
    let catalog = format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>");
    for (number, object) in [
        catalog.as_str(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
        concat!(
            "<< /Filter /Standard /V 1 /R 2 /Length 40 /P -64 ",
            "/O <28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A> ",
            "/U <28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE64536970> >>",
        ),
    ]
    .iter()
    .enumerate()
    {
        writeln!(places, "{:010} 00000 n ", file.len()).unwrap();
        write!(file, "{} 0 obj\n{object}\nendobj\n", number + 1).unwrap();
    }
    file.push_str(unlisted);
    let start = file.len();
    write!(
        file,
        "xref\n0 5\n0000000000 65535 f \n{places}trailer\n<< /Size 5 /Root 1 0 R {more} >>\nstartxref\n{start}\n%%EOF\n"
    )
    .unwrap();
    file.into_bytes()
}

/// A PDF of one empty page whose catalogue opens `action`, which stands in a compressed stream of objects.
pub fn pdf_with_object_stream(action: &str) -> Vec<u8> {
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    write_bytes(&mut deflated, format!("5 0 {action}").as_bytes());
    let deflated = deflated.finish().unwrap();
    let stream = |entries: &str, bytes: &[u8]| {
        let head = format!("<< {entries} /Length {} >>\nstream\n", bytes.len()).into_bytes();
        [&head[..], bytes, b"\nendstream"].concat()
    };
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = vec![0, 0, 0, 0, 0, 0xff, 0xff];
    for (number, object) in [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction 5 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>".to_vec(),
        stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &deflated),
    ]
    .iter()
    .enumerate()
    {
        places.push(1);
        places.extend(u32::try_from(file.len()).unwrap().to_be_bytes());
        places.extend([0, 0]);
        file.extend([format!("{} 0 obj\n", number + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    places.extend([2, 0, 0, 0, 4, 0, 0]);
    let start = file.len();
    places.push(1);
    places.extend(u32::try_from(start).unwrap().to_be_bytes());
    places.extend([0, 0]);
    let index = stream("/Type /XRef /Size 7 /W [1 4 2] /Root 1 0 R", &places);
    file.extend([&b"6 0 obj\n"[..], &index, b"\nendobj\n"].concat());
    file.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
    file
}

fn write_bytes(into: &mut impl std::io::Write, bytes: &[u8]) {
    into.write_all(bytes).unwrap();
}

pub fn pdf() -> Vec<u8> {
    pdf_with("")
}

pub fn encrypted_pdf() -> Vec<u8> {
    pdf_with("/Encrypt 4 0 R /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]")
}

/// An empty ZIP, to be put behind something.
pub fn zip() -> Vec<u8> {
    [b"PK\x05\x06".to_vec(), vec![0; 18]].concat()
}
