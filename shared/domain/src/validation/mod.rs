//! Finding every fault of what was sent, not the first: the schema that the documentation shows, and after it what no
//! schema can say.

mod schema;

pub use schema::{collect, faults_of, validator};

use crate::error::{Error, Fault};

/// E.164, as the schemas write it: a plus sign and at most 15 digits.
pub const E164: &str = r"^\+[1-9][0-9]{6,14}$";

/// A name as a part of a JSON pointer (RFC 6901, section 3).
#[must_use]
pub fn pointer_token(name: &str) -> String {
    jsonptr::Token::new(name).encoded().to_owned()
}

/// Faults found beyond the schema.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes that what `pointer` points to is wrong.
    pub fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(Fault::body(pointer, detail));
    }

    /// Takes over faults of a part, found with pointers of its own.
    pub fn extend_at(&mut self, pointer: &str, faults: Vec<Fault>) {
        self.0.extend(faults.into_iter().map(|fault| fault.below(pointer)));
    }

    /// Notes a fault unless `fine`.
    pub fn unless(&mut self, fine: bool, pointer: &str, detail: &str) {
        if !fine {
            self.add(pointer, detail);
        }
    }

    /// All of them, if there are any.
    pub fn into_result(mut self) -> Result<(), Error> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// What a schema can't say of a body: how its fields go together. Run once the schema holds.
pub trait Check {
    /// Notes every fault.
    fn check(&self, _faults: &mut Faults) {}
}
