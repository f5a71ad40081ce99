//! A generator of boxes: a secret in any place that no picture needs is gone, or the file is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const SECRET: &[u8] = b"43.6532N,79.3832W";
/// What is coded, which must stay.
const IMAGE: &[u8] = &[0xA5; 64];

fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], kind, body].concat()
}

fn full(kind: &[u8], version: u8, body: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0][..], body].concat())
}

/// Where a file may hold what nobody asked for.
#[derive(Clone, Debug)]
enum Place {
    /// A box between the file's own, before or behind them.
    File {
        kind: [u8; 4],
        last: bool,
    },
    /// A box in `meta`.
    Meta([u8; 4]),
    /// A property.
    Property([u8; 4]),
    /// A box beside the properties.
    BesideProperties([u8; 4]),
    /// A reference, or a group.
    Reference([u8; 4]),
    Group([u8; 4]),
    /// A name, of the handler or of an item.
    Name,
    ItemName,
    /// Data before or behind the image, or another item's.
    Data,
    Behind,
    Item([u8; 4]),
    /// A brand, and the version of the first.
    Brand,
    /// Behind what a box of numbers says that it holds.
    Rest(&'static [u8; 4]),
}

fn kind() -> impl Strategy<Value = [u8; 4]> {
    let known: Vec<_> = [
        b"udes", b"uuid", b"free", b"skip", b"moov", b"moof", b"mpvd", b"ftyp", b"mdat", b"meta", b"udta", b"xml ",
        b"bxml", b"dinf", b"iods", b"colr", b"auxC", b"pixi", b"hvcC", b"ispe", b"irot", b"altr", b"pymd", b"dimg",
        b"cdsc", b"ipma", b"idat", b"Exif", b"mime", b"uri ", b"hvc1", b"grid", b"cmex", b"cmin", b"crtt", b"mdft",
        b"taic", b"wipa", b"subs",
    ]
    .map(|kind| *kind)
    .to_vec();
    prop_oneof![4 => select(known), 1 => any::<[u8; 4]>()]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        (kind(), any::<bool>()).prop_map(|(kind, last)| Place::File { kind, last }),
        kind().prop_map(Place::Meta),
        kind().prop_map(Place::Property),
        kind().prop_map(Place::BesideProperties),
        kind().prop_map(Place::Reference),
        kind().prop_map(Place::Group),
        kind().prop_map(Place::Item),
        Just(Place::Name),
        Just(Place::ItemName),
        Just(Place::Data),
        Just(Place::Behind),
        Just(Place::Brand),
        select(vec![b"iloc", b"pitm", b"ipma", b"dimg", b"altr", b"ispe", b"irot", b"pixi"]).prop_map(Place::Rest),
    ]
}

/// A file with one image, and the secret in these places.
fn file(places: &[Place]) -> Vec<u8> {
    let extra = |wanted: fn(&Place) -> Option<[u8; 4]>| -> Vec<u8> {
        places.iter().filter_map(wanted).flat_map(|kind| boxed(&kind, SECRET)).collect()
    };
    let here = |found: fn(&Place) -> bool| if places.iter().any(found) { SECRET } else { &[] };
    let rest = |of: &[u8; 4]| {
        if places.iter().any(|place| matches!(place, Place::Rest(kind) if *kind == of)) { SECRET } else { &[] }
    };
    let item = places.iter().find_map(|place| if let Place::Item(kind) = place { Some(*kind) } else { None });
    let (before, behind) = (here(|place| matches!(place, Place::Data)), here(|place| matches!(place, Place::Behind)));
    // An item of its own holds the secret; one that claims to be a coded image is one, as far as anybody can tell.
    let item = item.filter(|kind| !is_one_of(&IMAGES, kind));
    let infe = |id: u16, kind: &[u8]| {
        full(
            b"infe",
            2,
            &[&id.to_be_bytes()[..], &[0; 2], kind, here(|place| matches!(place, Place::ItemName)), &[0]].concat(),
        )
    };
    let mut entries = infe(1, b"hvc1");
    entries.extend(item.iter().flat_map(|kind| infe(2, kind)));
    let count = 1 + u16::from(item.is_some());
    let iinf = full(b"iinf", 0, &[&count.to_be_bytes()[..], &entries].concat());
    let properties = boxed(
        b"ipco",
        &[
            full(b"ispe", 0, &[&[0, 0, 0, 40, 0, 0, 0, 30][..], rest(b"ispe")].concat()),
            boxed(b"irot", &[&[0][..], rest(b"irot")].concat()),
            full(b"pixi", 0, &[&[3, 8, 8, 8][..], rest(b"pixi")].concat()),
            extra(|place| if let Place::Property(kind) = place { Some(*kind) } else { None }),
        ]
        .concat(),
    );
    let ipma = full(b"ipma", 0, &[&[0, 0, 0, 1, 0, 1, 3, 0x81, 2, 3][..], rest(b"ipma")].concat());
    let beside = extra(|place| if let Place::BesideProperties(kind) = place { Some(*kind) } else { None });
    let references = extra(|place| if let Place::Reference(kind) = place { Some(*kind) } else { None });
    let groups = extra(|place| if let Place::Group(kind) = place { Some(*kind) } else { None });
    let meta = |offset: usize| {
        let at = |offset: usize, length: usize| {
            [u32::try_from(offset).unwrap(), u32::try_from(length).unwrap()].map(u32::to_be_bytes).concat()
        };
        let mut places_of = [&[0, 1, 0, 0, 0, 0, 0, 1][..], &at(offset + before.len(), IMAGE.len())].concat();
        if item.is_some() {
            places_of.extend(
                [&[0, 2, 0, 0, 0, 0, 0, 1][..], &at(offset + before.len() + IMAGE.len(), SECRET.len())].concat(),
            );
        }
        let iloc = full(b"iloc", 1, &[&[0x44, 0][..], &count.to_be_bytes(), &places_of, rest(b"iloc")].concat());
        let name = here(|place| matches!(place, Place::Name));
        full(
            b"meta",
            0,
            &[
                boxed(b"hdlr", &[&[0; 8][..], b"pict", &[0; 12], name, &[0]].concat()),
                full(b"pitm", 0, &[&[0, 1][..], rest(b"pitm")].concat()),
                iinf.clone(),
                iloc,
                boxed(b"iprp", &[properties.clone(), ipma.clone(), beside.clone()].concat()),
                full(
                    b"iref",
                    0,
                    &[boxed(b"dimg", &[&[0, 1, 0, 1, 0, 1][..], rest(b"dimg")].concat()), references.clone()].concat(),
                ),
                boxed(
                    b"grpl",
                    &[
                        full(b"altr", 0, &[&[0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1][..], rest(b"altr")].concat()),
                        groups.clone(),
                    ]
                    .concat(),
                ),
                extra(|place| if let Place::Meta(kind) = place { Some(*kind) } else { None }),
            ]
            .concat(),
        )
    };
    let brand = if places.iter().any(|place| matches!(place, Place::Brand)) { &SECRET[..12] } else { &[] };
    let head = boxed(b"ftyp", &[b"heic\0\0\0\0mif1heic", brand].concat());
    let first: Vec<u8> = extra(|place| if let Place::File { kind, last: false } = place { Some(*kind) } else { None });
    let last: Vec<u8> = extra(|place| if let Place::File { kind, last: true } = place { Some(*kind) } else { None });
    let offset = head.len() + first.len() + meta(0).len() + 8;
    let items = if item.is_some() { SECRET } else { &[] };
    [head, first, meta(offset), boxed(b"mdat", &[before, IMAGE, items, behind].concat()), last].concat()
}

fn holds(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_file_with_nothing_but_a_picture_stays_as_it_is() {
    let plain = file(&[]);
    assert_eq!(scrub(plain.clone()).ok(), Some(plain));
}

proptest! {
    #[test]
    fn what_no_picture_needs_is_refused_or_gone(places in vec(place(), 1..4)) {
        let dirty = file(&places);
        prop_assert!(holds(&dirty, &SECRET[..12]) || places.iter().all(|place| matches!(place, Place::Item(_))));
        if let Ok(clean) = scrub(dirty.clone()) {
            prop_assert!(!holds(&clean, &SECRET[..8]), "the secret stayed: {places:?}");
            prop_assert!(holds(&clean, IMAGE), "the picture went: {places:?}");
            prop_assert_eq!(clean.len(), dirty.len());
            prop_assert_eq!(scrub(clean.clone()).ok(), Some(clean));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_cleaned(start in vec(any::<u8>(), 0..200), cut in 0_usize..400) {
        let _ = scrub(start.clone());
        let whole = file(&[]);
        let _ = scrub([&whole[..cut.min(whole.len())], &start].concat());
    }
}
