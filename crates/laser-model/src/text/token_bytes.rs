//! The bytes that a single token stands for.

use tokenizers::decoders::DecoderWrapper;

use super::Text;

impl Text {
    /// The bytes of a token's text, which need not be whole characters; those of a special token
    /// are its name's. `None` for an id without a token.
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let token = self.token(id)?;
        if self.tokenizer.get_added_tokens_decoder().contains_key(&id) {
            return Some(token.into_bytes());
        }
        let decoder = self.tokenizer.get_decoder();
        if decoder.is_some_and(is_byte_level) {
            let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
            return Some(bytes.unwrap_or_else(|| token.into_bytes()));
        }
        let hex = token.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
        if let Some(byte) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            return Some(vec![byte]);
        }
        // SentencePiece's way to write a space.
        Some(token.replace('\u{2581}', " ").into_bytes())
    }
}

fn is_byte_level(decoder: &DecoderWrapper) -> bool {
    match decoder {
        DecoderWrapper::ByteLevel(_) => true,
        DecoderWrapper::Sequence(all) => all.get_decoders().iter().any(is_byte_level),
        _ => false,
    }
}

/// The byte that a character of a byte-level vocabulary stands for: printable ones of Latin-1 stand
/// for themselves, the other 68 bytes have the characters from U+0100 on, in order (Radford et al.,
/// "Language Models are Unsupervised Multitask Learners", 2019, with its published encoder).
fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some(code as u8),
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_bytes_of_tokens_put_together_are_the_text() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        let written = "17 · 3 = 51\n\tnaïve 日本 👩‍👩‍👧 \u{7f}\u{ad}";
        for name in ["qwen2", "qwen3", "llama3"] {
            let text = Text::load(&fixtures.join(name)).unwrap();
            let ids = text.encode(written).unwrap();
            let bytes = ids.iter().flat_map(|id| text.token_bytes(*id).unwrap());
            let bytes: Vec<u8> = bytes.collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), written, "{name}");
            assert_eq!(text.token_bytes(1_000_000), None);
        }
        let qwen = Text::load(&fixtures.join("qwen2")).unwrap();
        let end = qwen.token_id("<|im_end|>").unwrap();
        assert_eq!(qwen.token_bytes(end).unwrap(), b"<|im_end|>");
    }

    #[test]
    fn every_byte_has_one_character() {
        let mut seen = [false; 256];
        for c in (0..0x200).filter_map(char::from_u32) {
            if let Some(byte) = byte_of(c) {
                assert!(!std::mem::replace(&mut seen[byte as usize], true));
            }
        }
        assert!(seen.iter().all(|s| *s));
    }
}
