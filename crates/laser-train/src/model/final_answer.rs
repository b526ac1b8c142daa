//! The final answer of a response to a question whose answer is not known.

use laser_rollout::Response;
use laser_verify::Verifier;

use super::LanguageModel;
use crate::label::well_formed;

impl LanguageModel {
    /// The final answer of a response with this text, by the rule of training: `None` where the
    /// response did not end by itself, has a special token before its end, or holds no answer.
    pub fn final_answer(
        &self,
        verifier: &Verifier,
        response: &Response,
        text: &str,
    ) -> Option<String> {
        let well_formed = well_formed(&self.text, response);
        well_formed.then(|| verifier.answer(text)).flatten()
    }
}
