//! What macros read from folders Cargo can't see.
fn main() {
    println!("cargo:rerun-if-changed=tables");
}
