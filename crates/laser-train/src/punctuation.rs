//! Tokens that end a continuation of cautious sampling.

use laser_model::Text;

const SIGNS: [&str; 10] = [".", ",", "\n", "?", "!", ":", ";", ")", "]", "}"];

/// The first id of the encoding of each punctuation sign (Wang et al., arXiv 2507.03038), of those
/// that the tokenizer can write.
pub(crate) fn punctuation(text: &Text) -> Vec<u32> {
    let first = |sign: &&str| {
        // A sign that a tokenizer does not know ends nothing, so an error says no more than that.
        let ids = text.encode(sign).ok()?;
        let written = text.decode(&ids).ok()?;
        written.contains(sign).then(|| ids.first().copied())?
    };
    SIGNS.iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_a_vocabulary_lacks_are_left_out() {
        let text = Text::from_parts(crate::demo::tokenizer_json().as_bytes(), None, None).unwrap();
        let ids = punctuation(&text);
        assert_eq!(text.decode(&ids).unwrap(), ".,?:;)");
    }
}
