//! Prints the app's WatermelonDB schema module: `make mobile` writes it to `docs/mobile/schema.js`.

fn main() {
    print!("{}", local::mobile::module());
}
