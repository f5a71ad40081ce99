//! Pictures that can be decoded: JPEG, PNG and WebP.

use std::io::Cursor;

use domain::photo_kinds::MediaType;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Limits,
    RgbImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
    imageops,
};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::{Clean, MAX_PIXELS, MOST_MEMORY, Rejection, jpeg};

/// Hard to tell from the original by eye, at about its size.
const QUALITY: u8 = 90;
const THUMBNAIL_QUALITY: u8 = 80;
/// Width and height of a thumbnail, at most.
const THUMBNAIL: u32 = 400;

/// A photo: as a JPEG, upright, in sRGB.
pub(super) fn photo(media_type: MediaType, upload: Vec<u8>) -> Result<Clean, Rejection> {
    let pixels = on_white(decode(media_type, upload)?);
    let thumbnail = if pixels.width().max(pixels.height()) > THUMBNAIL {
        let (width, height) = fitting(pixels.width(), pixels.height());
        to_jpeg(&imageops::thumbnail(&pixels, width, height), THUMBNAIL_QUALITY)?
    } else {
        to_jpeg(&pixels, THUMBNAIL_QUALITY)?
    };
    let bytes = to_jpeg(&pixels, QUALITY)?;
    Ok(Clean { bytes, media_type: MediaType::Jpeg, extension: "jpg", thumbnail: Some(thumbnail), redrawn: true })
}

/// A signature: as a PNG, with whatever is transparent in it.
pub(super) fn signature(media_type: MediaType, upload: Vec<u8>) -> Result<Clean, Rejection> {
    let pixels = decode(media_type, upload)?.into_rgba8();
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(&pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgba8)
        .map_err(|error| unreadable(&error))?;
    let shown = on_white(DynamicImage::ImageRgba8(pixels));
    let (width, height) = fitting(shown.width(), shown.height());
    let thumbnail = to_jpeg(&imageops::thumbnail(&shown, width, height), THUMBNAIL_QUALITY)?;
    Ok(Clean { bytes, media_type: MediaType::Png, extension: "png", thumbnail: Some(thumbnail), redrawn: true })
}

/// The largest size of the same shape that a thumbnail may have, never more than the picture's own.
fn fitting(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height).max(1);
    if longest <= THUMBNAIL {
        return (width, height);
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(THUMBNAIL) / u64::from(longest)).max(1);
    (u32::try_from(scaled(width)).unwrap_or(THUMBNAIL), u32::try_from(scaled(height)).unwrap_or(THUMBNAIL))
}

/// Pixels as they are to be seen: upright, in sRGB. What an image needs is known and limited before it is decoded.
fn decode(media_type: MediaType, upload: Vec<u8>) -> Result<DynamicImage, Rejection> {
    let format = match media_type {
        MediaType::Jpeg => {
            jpeg::check(&upload)?;
            ImageFormat::Jpeg
        }
        MediaType::Png => ImageFormat::Png,
        MediaType::Webp => ImageFormat::WebP,
        MediaType::Heic | MediaType::Pdf => return Err(Rejection::UnknownType),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| unreadable(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > 3 * MAX_PIXELS {
        return Err(Rejection::TooManyPixels);
    }
    let orientation = decoder.orientation().map_err(|error| unreadable(&error))?;
    let profile = decoder.icc_profile().ok().flatten();
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(&error))?;
    image.apply_orientation(orientation);
    if let Some(profile) = profile {
        to_srgb(&mut image, &profile);
    }
    Ok(image)
}

/// Gives colours the numbers that they have in sRGB: without its profile, a phone's wide-gamut red would look pale.
/// Where a profile can't be read, its numbers stay.
fn to_srgb(image: &mut DynamicImage, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else { return };
    if profile.color_space != DataColorSpace::Rgb {
        return;
    }
    let width = image.width() as usize;
    let (layout, channels, samples): (_, _, &mut [u8]) = match image {
        DynamicImage::ImageRgb8(pixels) => (Layout::Rgb, 3, pixels),
        DynamicImage::ImageRgba8(pixels) => (Layout::Rgba, 4, pixels),
        // Grey images stay grey; 16 bits are reduced to 8, which is what phones take.
        _ => return,
    };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()) else {
        return;
    };
    let mut converted = vec![0; width * channels];
    for pixels in samples.chunks_exact_mut(width * channels) {
        if transform.transform(pixels, &mut converted).is_ok() {
            pixels.copy_from_slice(&converted);
        }
    }
}

/// JPEG knows no transparency: what shows through is white.
fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let pixels = image.into_rgba8();
    let mut opaque = RgbImage::new(pixels.width(), pixels.height());
    for (to, from) in opaque.pixels_mut().zip(pixels.pixels()) {
        let [red, green, blue, alpha] = from.0;
        let blend = |colour: u8| {
            let weighed = u16::from(colour) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from(weighed / 255).unwrap_or(u8::MAX)
        };
        to.0 = [red, green, blue].map(blend);
    }
    opaque
}

fn to_jpeg(pixels: &RgbImage, quality: u8) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
        .map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

fn unreadable(error: &ImageError) -> Rejection {
    match error {
        ImageError::Limits(_) => Rejection::TooManyPixels,
        _ => Rejection::Unreadable,
    }
}
