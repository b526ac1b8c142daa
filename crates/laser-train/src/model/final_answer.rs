//! The final answer of a response to a question whose answer is not known.

use laser_rollout::Response;
use laser_verify::Verifier;

use super::LanguageModel;
use crate::label::well_formed;
use crate::tasks::marked_answer;

impl LanguageModel {
    /// The final answer of a response with this text, by the rule of training: the number after the
    /// mark `#` with which responses to the built-in tasks end, else what the verifier finds.
    /// `None` where the response did not end by itself, has a special token before its end, or
    /// holds no answer.
    ///
    /// A countdown's answer is its steps, which are compared only where the problem is known: here
    /// all that reach the same number agree.
    pub fn final_answer(
        &self,
        verifier: &Verifier,
        response: &Response,
        text: &str,
    ) -> Option<String> {
        let well_formed = well_formed(&self.text, response);
        let marked = || marked_answer(text).map(|answer| answer.into_owned());
        let answer = || marked().or_else(|| verifier.answer(text));
        well_formed.then(answer).flatten()
    }
}
