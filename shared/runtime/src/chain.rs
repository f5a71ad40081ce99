use std::fmt::{self, Display};

/// An error with all its causes, for the log: what broke, not whom it was about.
pub struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl<'a> Chain<'a> {
    /// The error and what caused it.
    #[must_use]
    pub fn of(error: &'a (dyn std::error::Error + 'static)) -> Self {
        Self(error)
    }
}

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut separator = "";
        while let Some(cause) = next {
            f.write_str(separator)?;
            match cause.downcast_ref() {
                Some(refusal) => refused(f, refusal)?,
                None => write!(f, "{cause}")?,
            }
            separator = ": ";
            next = cause.source();
        }
        Ok(())
    }
}

/// What PostgreSQL refused. Its details quote values, and so do its messages about data that it can't read (class 22).
fn refused(f: &mut fmt::Formatter<'_>, error: &tokio_postgres::error::DbError) -> fmt::Result {
    let code = error.code().code();
    let message = if code.starts_with("22") { "unreadable data" } else { error.message() };
    write!(f, "{message} ({code})")?;
    [error.table(), error.column(), error.constraint()].iter().flatten().try_for_each(|name| write!(f, " {name}"))
}
