//! Text of ids that come one by one.

use super::Text;
use crate::ModelError;

/// Turns ids into text while they are sampled. The pieces put together are [`Text::decode`] of all
/// ids, and a piece holds only whole characters: one that is spread over several tokens is held
/// back until its last, and so is what cannot be told from the beginning of one.
///
/// Only tokens since the last piece but one are decoded again, so that a long text costs no more
/// for each token than a short one.
#[derive(Clone, Debug, Default)]
pub struct TextStream {
    /// Ids of the last piece, and after them those whose text is held back; without special tokens.
    ids: Vec<u32>,
    /// How many of them belong to the last piece. Some decoders take a space off the beginning, so
    /// that ids are decoded together with some before them.
    shown: usize,
    /// The text of those alone.
    before: String,
}

impl TextStream {
    /// A stream before its first id.
    pub fn new() -> Self {
        TextStream::default()
    }

    /// Takes an id; the text that is complete with it, which may be empty.
    ///
    /// # Errors
    /// When the tokenizer cannot decode.
    pub fn push(&mut self, text: &Text, id: u32) -> Result<String, ModelError> {
        if text.has_special(&[id]) {
            return Ok(String::new());
        }
        self.ids.push(id);
        let now = text.decode(&self.ids)?;
        if now.ends_with(char::REPLACEMENT_CHARACTER) || is_byte(text.token(id).as_deref()) {
            return Ok(String::new());
        }
        match now.strip_prefix(self.before.as_str()) {
            Some(piece) if !piece.is_empty() => {
                let piece = piece.to_owned();
                self.ids.drain(..self.shown);
                self.shown = self.ids.len();
                self.before = text.decode(&self.ids)?;
                Ok(piece)
            }
            _ => Ok(String::new()),
        }
    }

    /// The text that is held back, after the last id: what did not become a character is U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer cannot decode.
    pub fn finish(&mut self, text: &Text) -> Result<String, ModelError> {
        let now = text.decode(&self.ids)?;
        let piece = now.strip_prefix(self.before.as_str()).unwrap_or_default();
        let piece = piece.to_owned();
        *self = TextStream::default();
        Ok(piece)
    }
}

/// Whether a token is a single byte of SentencePiece's byte fallback, such as `<0xE2>`. Its decoder
/// takes a run of them as a whole: one wrong byte makes all of them U+FFFD.
fn is_byte(token: Option<&str>) -> bool {
    let hex = token.and_then(|t| t.strip_prefix("<0x")?.strip_suffix('>'));
    hex.is_some_and(|h| h.len() == 2 && h.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// The tokenizers of the fixtures, which are byte-level, and one with SentencePiece's decoder.
    fn texts() -> Vec<(Text, u32)> {
        let fixtures = ["qwen2", "qwen3", "llama3"].map(|name| {
            let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
            Text::load(&dir.join(name)).unwrap()
        });
        let all = fixtures.into_iter().chain([sentence_piece()]);
        all.map(|text| {
            let size = (0..).find(|id| text.token(*id).is_none()).unwrap();
            (text, size)
        })
        .collect()
    }

    fn sentence_piece() -> Text {
        let words = ["</s>", "▁", "▁the", "ab", "é", "▁▁", ",", "\u{fffd}"].map(str::to_owned);
        let bytes = [
            0x0a, 0x20, 0x41, 0x82, 0xac, 0xc3, 0xe2, 0xf0, 0x9f, 0x98, 0x80, 0xff,
        ];
        let bytes = bytes.map(|b| format!("<0x{b:02X}>"));
        let tokens = words.into_iter().chain(bytes).enumerate();
        let vocab: serde_json::Map<_, _> = tokens.map(|(i, t)| (t, i.into())).collect();
        let json = serde_json::json!({
            "version": "1.0",
            "added_tokens": [{"id": 0, "content": "</s>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true}],
            "model": {"type": "BPE", "vocab": vocab, "merges": [], "byte_fallback": true},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        });
        Text::from_parts(json.to_string().as_bytes(), None, None).unwrap()
    }

    fn pieces(text: &Text, ids: &[u32]) -> Vec<String> {
        let mut stream = TextStream::new();
        let mut pieces: Vec<_> = ids
            .iter()
            .map(|id| stream.push(text, *id).unwrap())
            .collect();
        pieces.push(stream.finish(text).unwrap());
        pieces
    }

    #[test]
    fn a_character_of_several_tokens_comes_whole_with_its_last_token() {
        for (text, _) in texts() {
            // An emoji of four bytes, none of these tokenizers has it in one token.
            let ids = text.encode("\u{1f600}").unwrap();
            assert!(ids.len() > 1);
            let pieces = pieces(&text, &ids);
            assert_eq!(pieces.concat(), "\u{1f600}");
            assert!(pieces.iter().all(|p| p.is_empty() || p == "\u{1f600}"));
        }
    }

    #[test]
    fn a_word_comes_with_its_token() {
        let (text, _) = texts().remove(0);
        let ids = text.encode("one two").unwrap();
        let pieces = pieces(&text, &ids);
        assert!(pieces[..ids.len()].iter().all(|p| !p.is_empty()));
        assert_eq!(pieces[ids.len()], "");
    }

    #[test]
    fn what_never_becomes_a_character_is_shown_at_the_end() {
        let text = sentence_piece();
        let byte = text.token_id("<0xE2>").unwrap();
        let word = text.token_id("ab").unwrap();
        assert_eq!(pieces(&text, &[word, byte]), ["ab", "", "\u{fffd}"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_pieces_of_any_ids_are_the_text_of_all(
            seeds in prop::collection::vec(any::<u32>(), 0..60),
        ) {
            for (text, size) in shared() {
                let ids: Vec<u32> = seeds.iter().map(|s| s % (size + 2)).collect();
                prop_assert_eq!(pieces(text, &ids).concat(), text.decode(&ids).unwrap());
            }
        }

        #[test]
        fn the_pieces_of_a_text_are_that_text_and_hold_whole_characters(written in "\\PC{0,40}") {
            for (text, _) in &shared()[..3] {
                let ids = text.encode(&written).unwrap();
                let pieces = pieces(text, &ids);
                let broken = pieces.iter().any(|p| p.contains(char::REPLACEMENT_CHARACTER));
                prop_assert_eq!(broken, written.contains(char::REPLACEMENT_CHARACTER));
                prop_assert_eq!(pieces.concat(), text.decode(&ids).unwrap());
            }
        }
    }

    fn shared() -> &'static [(Text, u32)] {
        static TEXTS: std::sync::OnceLock<Vec<(Text, u32)>> = std::sync::OnceLock::new();
        TEXTS.get_or_init(texts)
    }
}
