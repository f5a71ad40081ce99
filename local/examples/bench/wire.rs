//! PostgreSQL's messages, as far as their kinds.

/// Where a stream stands: in a message's head, or in its body.
#[derive(Default)]
pub struct Messages {
    untyped: bool,
    head: Vec<u8>,
    body_left: usize,
}

impl Messages {
    /// What a client sends: its first message alone has no kind before its length.
    pub fn of_client() -> Self {
        Self { untyped: true, ..Self::default() }
    }

    /// What the server answers.
    pub fn of_server() -> Self {
        Self::default()
    }

    /// The kinds of the messages whose heads end in these bytes.
    pub fn kinds(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut kinds = Vec::new();
        while let Some((first, rest)) = bytes.split_first() {
            if self.body_left > 0 {
                let taken = self.body_left.min(bytes.len());
                self.body_left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            self.head.push(*first);
            bytes = rest;
            let kind = usize::from(!self.untyped);
            if let Some(&[a, b, c, d]) = self.head.get(kind..kind + 4) {
                // The length counts itself.
                self.body_left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
                if !self.untyped {
                    kinds.push(self.head[0]);
                }
                self.untyped = false;
                self.head.clear();
            }
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or_default().to_be_bytes();
        kind.into_iter().chain(length).chain(body.iter().copied()).collect()
    }

    #[test]
    fn kinds_are_found_however_the_stream_is_cut() {
        let stream = [
            message(None, b"user"),
            message(Some(b'P'), b"select"),
            message(Some(b'E'), b""),
            message(Some(b'S'), b""),
        ];
        let stream = stream.concat();
        for size in 1..stream.len() {
            let mut messages = Messages::of_client();
            let kinds: Vec<_> = stream.chunks(size).flat_map(|chunk| messages.kinds(chunk)).collect();
            assert_eq!(kinds, b"PES", "in pieces of {size}");
        }
    }

    #[test]
    fn the_server_types_its_first_message() {
        assert_eq!(Messages::of_server().kinds(&message(Some(b'Z'), b"I")), b"Z");
    }
}
