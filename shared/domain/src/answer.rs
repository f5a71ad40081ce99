//! How large an answer may be. Lambda takes 6,291,556 bytes, and what is not compressed stands in them as a JSON
//! string.

/// What the items of an answer may take: room is left for what stands around them, headers and problem texts included.
pub const ANSWER_BYTES: usize = 5 << 20;

/// What JSON takes as a part of a JSON string, where a quote or backslash is two bytes.
#[must_use]
pub fn bytes_in_answer(json: &str) -> usize {
    json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// Counts what goes into an answer, until it is full.
#[derive(Debug, Default)]
pub struct AnswerRoom {
    items: usize,
    bytes: usize,
}

impl AnswerRoom {
    /// Whether another item fits. One always does, whatever its size: a list whose page were empty would never end.
    pub fn takes(&mut self, json: &str) -> bool {
        // With a comma.
        self.bytes += bytes_in_answer(json) + 1;
        let fits = self.items == 0 || self.bytes <= ANSWER_BYTES;
        self.items += 1;
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_count_twice() {
        for json in ["", "{}", r#"{"a":"b\"\\é\u0001"}"#, r#""\ud83d\ude00""#] {
            let told = serde_json::Value::from(json).to_string();
            assert_eq!(bytes_in_answer(json), told.len() - 2, "{json}");
        }
    }

    #[test]
    fn an_answer_takes_one_item_and_then_as_many_as_fit() {
        let mut room = AnswerRoom::default();
        assert!(room.takes(&"x".repeat(ANSWER_BYTES * 2)));
        assert!(!room.takes("x"));
        let mut room = AnswerRoom::default();
        let half = "x".repeat(ANSWER_BYTES / 2 - 1);
        assert_eq!([room.takes(&half), room.takes(&half), room.takes("")], [true, true, false]);
    }
}
