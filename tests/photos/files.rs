//! What becomes of files: clean copies of good ones, and a reason for all others.

use domain::photo_kinds::{MediaType, PhotoKind};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use moxcms::ColorProfile;
use photos::clean::{Clean, MAX_PIXELS, Rejection, clean};

use crate::harness::files::{self, BLUE, RED};

fn cleaned(media_type: MediaType, file: &[u8]) -> Result<Clean, Rejection> {
    let kind = if media_type == MediaType::Pdf { PhotoKind::Document } else { PhotoKind::Photo };
    clean(kind, media_type, file.to_vec())
}

fn contains(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

/// JPEG doesn't keep colours to the last bit.
#[track_caller]
fn assert_colour(image: &DynamicImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let found = image.to_rgb8().get_pixel(x, y).0;
    assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 12), "{found:?} at {x}, {y}, not {expected:?}");
}

#[test]
fn a_photo_comes_back_upright_and_without_its_place() {
    type Drawn = fn(u32, u32, u16) -> Vec<u8>;
    let types: [(MediaType, Drawn); 3] =
        [(MediaType::Jpeg, files::jpeg), (MediaType::Png, files::png), (MediaType::Webp, files::webp)];
    for (media_type, file) in types {
        // EXIF's eight orientations, and where the left half of the stored picture is seen.
        for (orientation, turned, red, blue) in [
            (1, false, (60, 180), (420, 180)),
            (2, false, (420, 180), (60, 180)),
            (3, false, (420, 180), (60, 180)),
            (4, false, (60, 180), (420, 180)),
            (5, true, (180, 60), (180, 420)),
            (6, true, (180, 60), (180, 420)),
            (7, true, (180, 420), (180, 60)),
            (8, true, (180, 420), (180, 60)),
        ] {
            let upload = file(480, 360, orientation);
            assert!(contains(&upload, &files::place()), "the test's own file has no place");
            let clean = cleaned(media_type, &upload).unwrap();
            assert!(clean.redrawn);
            assert_eq!((clean.media_type, clean.extension), (MediaType::Jpeg, "jpg"));
            for (copy, long, short) in [(&clean.bytes, 480, 360), (clean.thumbnail.as_ref().unwrap(), 400, 300)] {
                for sign in [&files::place()[..], b"Exif", b"II*\0", b"MM\0*"] {
                    assert!(!contains(copy, sign), "{media_type:?}, {orientation}: {sign:?} is still there");
                }
                let image = image::load_from_memory_with_format(copy, ImageFormat::Jpeg).unwrap();
                let size = if turned { (short, long) } else { (long, short) };
                assert_eq!((image.width(), image.height()), size, "{media_type:?}, {orientation}");
                let scaled = |(x, y): (u32, u32)| (x * long / 480, y * long / 480);
                assert_colour(&image, scaled(red), RED);
                assert_colour(&image, scaled(blue), BLUE);
            }
        }
    }
}

/// What is red in a phone's wide gamut has other numbers in sRGB; without its profile it would look pale.
#[test]
fn colours_stay_what_they_were() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let flat = RgbImage::from_pixel(64, 64, Rgb([200, 60, 60]));
    let mut upload = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut upload, 95);
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(&flat, 64, 64, ExtendedColorType::Rgb8).unwrap();
    let clean = cleaned(MediaType::Jpeg, &upload).unwrap();
    assert!(!contains(&clean.bytes, b"ICC_PROFILE"));
    let image = image::load_from_memory_with_format(&clean.bytes, ImageFormat::Jpeg).unwrap();
    // By the two spaces' matrices, with the transfer curve that they share.
    assert_colour(&image, (32, 32), [217, 42, 52]);
}

#[test]
fn a_signature_stays_a_png_and_see_through() {
    let clean = clean(PhotoKind::Signature, MediaType::Png, files::signature(0)).unwrap();
    assert_eq!((clean.media_type, clean.extension), (MediaType::Png, "png"));
    let image = image::load_from_memory_with_format(&clean.bytes, ImageFormat::Png).unwrap().to_rgba8();
    let drawn = image::load_from_memory_with_format(&files::signature(0), ImageFormat::Png).unwrap().to_rgba8();
    assert_eq!(image, drawn);
    let thumbnail = image::load_from_memory_with_format(&clean.thumbnail.unwrap(), ImageFormat::Jpeg).unwrap();
    assert_colour(&thumbnail, (5, 90), [255, 255, 255]);
}

#[test]
fn a_thumbnail_is_never_larger_than_its_photo() {
    for (width, height, expected) in [
        (10, 4000, (1, 400)),
        (4000, 10, (400, 1)),
        (1, 1, (1, 1)),
        (399, 2, (399, 2)),
        (400, 2, (400, 2)),
        (401, 401, (400, 400)),
        (1200, 900, (400, 300)),
    ] {
        let thumbnail = cleaned(MediaType::Png, &files::png(width, height, 1)).unwrap().thumbnail.unwrap();
        let image = image::load_from_memory_with_format(&thumbnail, ImageFormat::Jpeg).unwrap();
        assert_eq!((image.width(), image.height()), expected, "{width} x {height}");
    }
}

#[test]
fn a_heic_keeps_its_image_and_loses_everything_else_where_it_stands() {
    let upload = files::heic(4032, 3024);
    for sign in [&files::place()[..], b"GPSLatitude"] {
        assert!(contains(&upload, sign), "the test's own file has no place");
    }
    let clean = cleaned(MediaType::Heic, &upload).unwrap();
    assert_eq!((clean.media_type, clean.extension), (MediaType::Heic, "heic"));
    assert!(!clean.redrawn && clean.thumbnail.is_none());
    assert_eq!(clean.bytes.len(), upload.len(), "nothing may move: everything is found by its offset");
    for sign in [&files::place()[..], b"GPSLatitude", b"II*\0"] {
        assert!(!contains(&clean.bytes, sign), "{sign:?} is still there");
    }
    for part in [files::CODED_IMAGE, b"hvc1", b"ispe", b"iloc"] {
        assert!(contains(&clean.bytes, part), "{part:?} is gone");
    }
    // What was done once changes nothing the second time.
    assert_eq!(cleaned(MediaType::Heic, &clean.bytes).unwrap().bytes, clean.bytes);
    assert_eq!(cleaned(MediaType::Heic, &files::heic(10_000, 10_000)).unwrap_err(), Rejection::TooManyPixels);
}

#[test]
fn a_pdf_stays_as_it_is() {
    let clean = cleaned(MediaType::Pdf, &files::pdf()).unwrap();
    assert_eq!(clean.bytes, files::pdf());
    assert!(!clean.redrawn);
}

/// Nobody holds the decoders up, nor takes more memory than there is.
#[test]
fn decompression_bombs_are_refused() {
    for (what, file) in [
        ("a square too large", files::png_of_zeros(65_535, 65_535, 1 << 20)),
        ("a line too long", files::png_of_zeros(2_000_000_000, 1, 1 << 20)),
        ("just one row too many", files::png_of_zeros(8192, 6145, 1 << 20)),
    ] {
        assert_eq!(cleaned(MediaType::Png, &file).unwrap_err(), Rejection::TooManyPixels, "{what}");
    }
    assert_eq!(MAX_PIXELS, 8192 * 6144);
    // More data than its few pixels need is not even inflated, nor is a colour profile of 64 MB.
    for file in [files::png_of_zeros(10, 10, 32 << 20), files::png_with_long_text(64 << 20)] {
        let small = cleaned(MediaType::Png, &file);
        assert!(small.is_ok_and(|clean| clean.bytes.len() < 10_000));
    }
}

/// A decoder must hold all of such a picture before it can draw any of it, which its own limits don't count.
#[test]
fn progressive_jpegs_have_a_lower_pixel_limit() {
    let upload = files::progressive_jpeg(480, 360);
    let image =
        image::load_from_memory_with_format(&cleaned(MediaType::Jpeg, &upload).unwrap().bytes, ImageFormat::Jpeg);
    assert_colour(&image.unwrap(), (60, 180), RED);
    // Its header alone says that it would be larger.
    let frame = upload.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
    let as_large_as = |width: u16, height: u16| {
        let mut file = upload.clone();
        file[frame + 5..frame + 9].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
        cleaned(MediaType::Jpeg, &file).map(|_| ())
    };
    assert_eq!(as_large_as(8192, 6144), Err(Rejection::TooMuchMemory));
    assert_eq!(as_large_as(8192, 4097), Err(Rejection::TooMuchMemory));
    assert_ne!(as_large_as(4032, 3024), Err(Rejection::TooMuchMemory));
}

#[test]
fn a_heic_with_too_many_extents_is_refused() {
    assert!(cleaned(MediaType::Heic, &files::heic_in_pieces(40, 30, 300)).is_ok());
    let countless = cleaned(MediaType::Heic, &files::heic_in_pieces(40, 30, 5_000));
    assert_eq!(countless.map(drop), Err(Rejection::Unreadable));
}

#[test]
fn truncated_files_are_refused() {
    // Without the box behind it all, which nothing needs.
    let heic = files::heic(300, 200);
    let heic = heic[..heic.len() - 48].to_vec();
    let whole: [(MediaType, Vec<u8>); 5] = [
        (MediaType::Jpeg, files::jpeg(300, 200, 1)),
        (MediaType::Png, files::png(300, 200, 1)),
        (MediaType::Webp, files::webp(300, 200, 1)),
        (MediaType::Heic, heic),
        (MediaType::Pdf, files::pdf()),
    ];
    for (media_type, file) in whole {
        cleaned(media_type, &file).unwrap();
        // At every place, as far as that takes no time.
        for length in (0..file.len()).step_by(file.len() / 60 + 1).chain([file.len() - 40]) {
            let rejection = cleaned(media_type, &file[..length]).map(|_| ());
            assert!(
                matches!(rejection, Err(Rejection::Unreadable | Rejection::NotWhatItSays(_))),
                "{media_type:?} of {} bytes, {length} of them: {rejection:?}",
                file.len()
            );
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_is_read_or_refused() {
    for (media_type, file) in [
        (MediaType::Jpeg, files::jpeg(40, 30, 6)),
        (MediaType::Png, files::png(40, 30, 6)),
        (MediaType::Webp, files::webp(40, 30, 6)),
        (MediaType::Heic, files::heic(40, 30)),
        (MediaType::Pdf, files::pdf()),
    ] {
        let (mut read, mut refused) = (0, 0);
        for at in 0..file.len() {
            for value in [0x00, 0xff] {
                let mut changed = file.clone();
                changed[at] = value;
                let Ok(clean) = cleaned(media_type, &changed) else {
                    refused += 1;
                    continue;
                };
                read += 1;
                let what = format!("{media_type:?} with {value} at {at}");
                assert!(!contains(&clean.bytes, &files::place()), "{what} keeps its place");
                match media_type {
                    MediaType::Heic => assert_eq!(clean.bytes.len(), changed.len(), "{what} has moved"),
                    MediaType::Pdf => assert_eq!(clean.bytes, changed, "{what} was changed"),
                    _ => {
                        assert!(clean.redrawn, "{what} was passed on as it came");
                        let copy = image::load_from_memory_with_format(&clean.bytes, ImageFormat::Jpeg);
                        assert!(copy.is_ok(), "the copy of {what} can't be read: {copy:?}");
                    }
                }
            }
        }
        assert!(read > 0 && refused > 0, "{media_type:?}: {read} were read and {refused} refused");
    }
}

#[test]
fn a_file_of_another_type_than_declared_is_refused() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let page = b"<!doctype html><html><body>hello</body></html>".to_vec();
    let (jpeg, png, heic, pdf) = (files::jpeg(20, 10, 1), files::png(20, 10, 1), files::heic(20, 10), files::pdf());
    for (media_type, file) in [
        (MediaType::Png, &svg),
        (MediaType::Jpeg, &page),
        (MediaType::Png, &jpeg),
        (MediaType::Jpeg, &png),
        (MediaType::Webp, &png),
        (MediaType::Heic, &jpeg),
        (MediaType::Jpeg, &heic),
        (MediaType::Pdf, &png),
        (MediaType::Png, &pdf),
        (MediaType::Png, &Vec::new()),
    ] {
        let rejection = cleaned(media_type, file).unwrap_err();
        assert!(matches!(rejection, Rejection::NotWhatItSays(_)), "{media_type:?}: {rejection}");
    }
    assert_eq!(cleaned(MediaType::Png, &svg).unwrap_err().to_string(), "the file is not a PNG");
}

#[test]
fn polyglot_files_are_refused() {
    let behind = |file: Vec<u8>, more: &[u8]| [file, more.to_vec()].concat();
    // A comment right behind the start, where readers of PDF still look for its sign.
    let with_comment = |comment: &[u8]| {
        let length = u16::try_from(comment.len() + 2).unwrap();
        let jpeg = files::jpeg(20, 10, 1);
        [&jpeg[..2], b"\xff\xfe", &length.to_be_bytes(), comment, &jpeg[2..]].concat()
    };
    for (media_type, file, as_well) in [
        (MediaType::Jpeg, behind(files::jpeg(20, 10, 1), &files::zip()), "an archive"),
        (MediaType::Png, behind(files::png(20, 10, 1), &files::zip()), "an archive"),
        (MediaType::Pdf, behind(files::pdf(), &files::zip()), "an archive"),
        (MediaType::Jpeg, with_comment(&files::pdf()), "a PDF"),
        (MediaType::Jpeg, with_comment(b"<html><script>alert(1)</script>"), "a web page"),
        (MediaType::Jpeg, with_comment(b"<?php system($_GET['c']); ?>"), "a web page"),
    ] {
        assert_eq!(cleaned(media_type, &file).unwrap_err(), Rejection::Disguised(as_well), "{media_type:?}");
    }
    // What phones do put behind a photo (a second picture, a film) is left behind.
    let two = behind(files::jpeg(20, 10, 1), &files::jpeg(40, 30, 6));
    let clean = cleaned(MediaType::Jpeg, &two).unwrap();
    assert!(!contains(&clean.bytes, &files::place()));
    let film = behind(files::jpeg(20, 10, 1), b"\0\0\0\x18ftypmp42SECRET");
    assert!(!contains(&cleaned(MediaType::Jpeg, &film).unwrap().bytes, b"SECRET"));
}

#[test]
fn an_encrypted_pdf_is_refused() {
    assert_eq!(cleaned(MediaType::Pdf, &files::encrypted_pdf()).unwrap_err(), Rejection::Encrypted);
    let more = [files::pdf(), b"and more".to_vec()].concat();
    assert_eq!(cleaned(MediaType::Pdf, &more).unwrap_err(), Rejection::Unreadable);
    for file in [&b"%PDF-1.7\n%%EOF\n"[..], b"%PDF-1.7\nxref\n0 0\ntrailer\n<< >>\nstartxref\n9\n%%EOF"] {
        assert_eq!(cleaned(MediaType::Pdf, file).unwrap_err(), Rejection::Unreadable);
    }
}

#[test]
fn a_pdf_that_does_more_than_be_read_is_refused_with_the_reason() {
    let refused = |file: &[u8]| match cleaned(MediaType::Pdf, file) {
        Err(Rejection::Active(why)) => why,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(file)),
    };
    let (scripts, actions, within) = ("scripts", "actions that start programs or send data", "files in it");
    let cases = [
        (scripts, "<< /S /JavaScript /JS (app.alert(1)) >>"),
        (scripts, "<< /S /J#61vaScript /J#53 (app.alert(1)) >>"),
        (scripts, "<< /S /GoTo /Next [ << /S /JavaScript /JS 9 0 R >> ] >>"),
        (actions, "<< /S /Launch /F (cmd.exe) >>"),
        (actions, "<< /S /SubmitForm /F (https://example.org) >>"),
        (within, "<< /S /GoToE /T << /R /C >> >>"),
        (within, "<< /Type /Filespec /EF << /F 9 0 R >> >>"),
        (within, "<< /Type /Annot /Subtype /FileAttachment >>"),
    ];
    for (why, action) in cases {
        assert_eq!(refused(&files::pdf_of(&format!("/OpenAction {action}"), "", "")), why, "{action}");
        assert_eq!(refused(&files::pdf_of(&format!("/AA << /O {action} >>"), "", "")), why, "{action}");
        assert_eq!(refused(&files::pdf_of("", &format!("9 0 obj\n{action}\nendobj\n"), "")), why, "{action}, unlisted");
        assert_eq!(refused(&files::pdf_with_object_stream(action)), why, "{action}, compressed");
    }
    for (why, catalog) in [
        (scripts, "/Names << /JavaScript << /Names [(a) 9 0 R] >> >>"),
        (scripts, "/AcroForm << /XFA [(template) 9 0 R] >>"),
        (within, "/Names << /EmbeddedFiles << /Names [(a) 9 0 R] >> >>"),
    ] {
        assert_eq!(refused(&files::pdf_of(catalog, "", "")), why, "{catalog}");
    }
    let told = Rejection::Active(scripts).to_string();
    assert_eq!(told, "the PDF has scripts: print it to a new PDF, and send that");
    // A link, a table of contents and a form that does nothing are to be read.
    for harmless in ["<< /S /URI /URI (https://example.org) >>", "<< /S /GoTo /D [3 0 R /Fit] >>"] {
        cleaned(MediaType::Pdf, &files::pdf_of(&format!("/OpenAction {harmless}"), "", "")).unwrap();
        cleaned(MediaType::Pdf, &files::pdf_with_object_stream(harmless)).unwrap();
    }
    cleaned(MediaType::Pdf, &files::pdf_of("/AcroForm << /Fields [] >>", "", "")).unwrap();
}
