//! What a tokenizer's tokens are to a model: ids within its embedding, tokens that nothing uses.

use std::collections::BTreeSet;

use super::Text;
use crate::{ModelConfig, ModelError};

impl Text {
    /// Checks that every id of the tokenizer has a row in the model's embedding. More rows than
    /// tokens are fine: many models are padded to a round number.
    ///
    /// # Errors
    /// The first token without a row, its id, and the size.
    pub fn check_vocabulary(&self, config: &ModelConfig) -> Result<(), ModelError> {
        let size = config.vocab_size;
        let beyond = self
            .tokenizer
            .get_vocab(true)
            .into_iter()
            .filter(|(_, id)| *id as usize >= size)
            .min_by_key(|(_, id)| *id);
        match beyond {
            None => Ok(()),
            Some((token, id)) => Err(ModelError::Text(format!(
                "tokenizer.json has the token '{token}' with id {id}, but the model has vocab_size \
                 = {size}; tokenizer and model do not belong together"
            ))),
        }
    }

    /// Ids of special tokens that nothing uses, in ascending order: candidates for the
    /// self-reward token z_c.
    ///
    /// Left out are bos, eos, pad, unk and their kin, the tokens that the tokenizer adds to plain
    /// text, those written in the chat template, and the ids in `used` (give it the ids that end
    /// a response). A template that puts a token together from pieces hides it from this search.
    pub fn unused_special_tokens(&self, used: &[u32]) -> Result<Vec<u32>, ModelError> {
        let added = self.encode_plain("")?;
        let template = self.template.as_ref().map_or("", |t| t.source());
        let free = self
            .tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(id, token)| {
                token.special
                    && !used.contains(id)
                    && !added.contains(id)
                    && !self.special.iter().any(|(_, text)| *text == token.content)
                    && !template.contains(&token.content)
            })
            .map(|(id, _)| id);
        Ok(free.collect::<BTreeSet<_>>().into_iter().collect())
    }
}
