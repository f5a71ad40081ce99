//! The inputs that fuzzing keeps, each once more: fuzz/README.md.

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

#[path = "../../fuzz/inputs.rs"]
mod inputs;

#[test]
fn no_kept_input_makes_a_parser_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let folders: BTreeSet<String> =
        fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let targets: BTreeSet<String> = inputs::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, targets, "a target without inputs, or inputs without a target");
    for (name, read) in inputs::ALL {
        let mut kept = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            assert!(data.len() <= 64 * 1024, "{} is no small input", path.display());
            assert!(catch_unwind(AssertUnwindSafe(|| read(&data))).is_ok(), "{}", path.display());
            // What is cut off anywhere is read as well.
            for end in (0..data.len()).step_by(data.len() / 16 + 1) {
                let cut = catch_unwind(AssertUnwindSafe(|| read(&data[..end])));
                assert!(cut.is_ok(), "{} up to {end}", path.display());
            }
            kept += 1;
        }
        assert!(kept > 0, "{name}");
    }
}
