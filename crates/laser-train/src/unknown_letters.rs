//! What a tokenizer cannot write: a model would read another text than was meant.

use laser_model::{ModelError, Text};

/// Characters that do not come back from the tokenizer, each once.
pub(crate) fn unknown_letters(text: &Text, words: &str) -> Result<String, ModelError> {
    let mut lost = String::new();
    for c in words.chars().filter(|c| !c.is_whitespace()) {
        let back = text.decode(&text.encode(c.encode_utf8(&mut [0; 4]))?)?;
        if back.trim() != c.to_string() && !lost.contains(c) {
            lost.push(c);
        }
    }
    // Blanks may be joined or left out at the ends of a text, but not everywhere.
    for blank in ['\n', '\t', ' '] {
        let between = format!("a{blank}a");
        if words.contains(blank) && text.decode(&text.encode(&between)?)? == "aa" {
            lost.push(blank);
        }
    }
    Ok(lost)
}
