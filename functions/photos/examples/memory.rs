//! How much memory a photo takes at most while it is cleaned: `cargo run --example memory`.
//!
//! Each file is cleaned by a process of its own, which says what the kernel counted for it (Linux: `VmHWM`).

use std::{env, fs, path::Path, process::Command, time::Instant};

use domain::photo_kinds::{MediaType, PhotoKind};
use image::{
    ExtendedColorType, ImageEncoder, Rgb, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use photos::clean::clean;

/// 12 megapixels, as most phones take them; the most that is accepted of a progressive JPEG; and of all others.
const SIZES: [(u32, u32); 3] = [(4032, 3024), (8192, 4096), (8192, 6144)];
const WAYS: [(&str, MediaType); 4] = [
    ("JPEG", MediaType::Jpeg),
    ("progressive JPEG", MediaType::Jpeg),
    ("PNG", MediaType::Png),
    ("WebP", MediaType::Webp),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    if let (Some(media_type), Some(file)) = (arguments.next(), arguments.next()) {
        return clean_one(media_type.parse()?, Path::new(&file));
    }
    let folder = env::temp_dir();
    for (width, height) in SIZES {
        let picture = picture(width, height);
        for (way, media_type) in WAYS {
            let file = folder.join(format!("memory-{}", std::process::id()));
            fs::write(&file, encode(way, &picture)?)?;
            print!("{width} x {height} {way}: {} KB, ", fs::metadata(&file)?.len() / 1024);
            let output = Command::new(env::current_exe()?).arg(<&str>::from(media_type)).arg(&file).output()?;
            print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

fn clean_one(media_type: MediaType, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let before = peak_kilobytes()?;
    let upload = fs::read(file)?;
    let started = Instant::now();
    let made = clean(PhotoKind::Photo, media_type, upload)?;
    let milliseconds = started.elapsed().as_millis();
    println!(
        "{} KB cleaned in {milliseconds} ms, {} MB at most, {} MB of them before",
        made.bytes.len() / 1024,
        peak_kilobytes()? / 1024,
        before / 1024
    );
    Ok(())
}

fn peak_kilobytes() -> Result<u64, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Something with edges and noise, so that it is compressed about as well as a photo.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut noise = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [grain, ..] = noise.to_be_bytes();
        Rgb([x, y, x + y].map(|place| (place / 16).to_le_bytes()[0] ^ (grain & 7)))
    })
}

fn encode(way: &str, picture: &RgbImage) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut file = Vec::new();
    let (width, height, colour) = (picture.width(), picture.height(), ExtendedColorType::Rgb8);
    match way {
        "JPEG" => JpegEncoder::new_with_quality(&mut file, 90).write_image(picture, width, height, colour)?,
        "progressive JPEG" => {
            let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
            encoder.set_progressive(true);
            encoder.encode(picture, width.try_into()?, height.try_into()?, jpeg_encoder::ColorType::Rgb)?;
        }
        "PNG" => PngEncoder::new(&mut file).write_image(picture, width, height, colour)?,
        _ => WebPEncoder::new_lossless(&mut file).write_image(picture, width, height, colour)?,
    }
    Ok(file)
}
