//! Embedded migrations are read by a macro, which Cargo can't see.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
