//! Prints the OpenAPI document of all functions: `make openapi` writes it to where `health` serves it from.

fn main() -> Result<(), serde_json::Error> {
    print!("{}", local::document::text()?);
    Ok(())
}
