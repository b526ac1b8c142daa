//! SSR-Zero: the policy rates its own responses in words, by the weights that it has.

use laser_model::Text;
use laser_reward::{Item, Question, RewardError, VerdictRule};
use laser_rollout::{Generation, Sampling};

use crate::TrainError;
use crate::label::Labelled;
use crate::learner::Learner;
use crate::problems::Problems;
use crate::recipe::RewardPart;
use crate::unknown_letters::unknown_letters;

/// Largest rating; ratings are divided by it.
const BEST: f64 = 100.0;
/// The last number of a judgement, or what it says of a hundred.
const PATTERN: &str = r"(\d+(?:\.\d+)?)(?:\s*/\s*100\b)?";

/// Asks the policy for a rating of each response, 0 to 100, by one generation without gradient.
///
/// ```text
/// r = clamp(rating / 100, 0, 1);   0 for a response of wrong form and for an unreadable judgement
/// ```
///
/// A response of wrong form is not asked about. That the form is a gate and an unreadable
/// judgement 0 is a reading of the method (SSR-Zero), which does not say.
pub(crate) struct SelfJudge {
    part: String,
    question: Question,
    rule: VerdictRule,
    system: String,
    sampling: Sampling,
    max_tokens: usize,
}

/// Whom a judge asks.
#[derive(Clone, Copy)]
pub(crate) struct Questioned<'a> {
    /// The policy.
    pub learner: &'a Learner,
    /// How questions are put to it.
    pub problems: &'a Problems,
    /// z_c, which is never sampled.
    pub zc: Option<u32>,
    /// Names the randomness.
    pub seed: [u64; 2],
}

impl SelfJudge {
    /// A judge of these settings.
    ///
    /// # Errors
    /// A template or a pattern that cannot be read.
    pub(crate) fn new(p: &RewardPart) -> Result<Self, RewardError> {
        let name = p.name();
        let prompt = p.prompt.as_deref().unwrap_or_default();
        if prompt.trim().is_empty() {
            return Err(RewardError::Setting {
                part: name.into(),
                key: "prompt",
                problem: "asks nothing; write a question with {{ response }} in it".into(),
            });
        }
        let words = p.words.clone().unwrap_or_default();
        Ok(SelfJudge {
            part: name.into(),
            question: Question::new(name, prompt)?,
            rule: VerdictRule::new(name, p.pattern.as_deref().unwrap_or(PATTERN), &words)?,
            system: p.system.clone().unwrap_or_default(),
            sampling: Sampling {
                temperature: p.temperature.unwrap_or(0.0) as f32,
                ..Sampling::default()
            },
            max_tokens: p.judgement_tokens(),
        })
    }

    /// Checks that the tokenizer can write the question. Returns the tokens that a judgement takes
    /// beside the problem's prompt and the response: those of the question and of the answer.
    ///
    /// # Errors
    /// Names the characters that the tokenizer does not know.
    pub(crate) fn check(&self, text: &Text, problems: &Problems) -> Result<usize, TrainError> {
        let empty = Item {
            prompt: String::new(),
            response: String::new(),
            gold: String::new(),
            extracted: None,
            correct: false,
            finish: "stop",
            length: 0,
        };
        let words = self.question.ask(&empty)?;
        for (key, words) in [("prompt", &words), ("system", &self.system)] {
            let lost = unknown_letters(text, words)?;
            if !lost.is_empty() {
                return Err(TrainError::Reward(RewardError::Setting {
                    part: self.part.clone(),
                    key,
                    problem: format!(
                        "the model's tokenizer does not know {lost:?}, so the policy would be asked something else; write it with other characters"
                    ),
                }));
            }
        }
        let asked = problems.question_ids(text, &self.system, &words)?.len();
        Ok(asked.saturating_add(self.max_tokens))
    }

    /// The reward of each response, in order; `items` and `responses` belong together. All
    /// judgements are written in one call.
    pub(crate) fn rate(
        &self,
        items: &[Item],
        responses: &mut [&mut Labelled],
        by: Questioned,
    ) -> Result<Vec<f64>, TrainError> {
        let (text, room) = (&by.learner.text, by.learner.decoder.context());
        let mut values = vec![0.0; items.len()];
        let (mut places, mut prompts) = (Vec::new(), Vec::new());
        for (i, item) in items.iter().enumerate() {
            let l = &*responses[i];
            // Special tokens that were spelled out letter by letter would be read as such.
            if l.extracted.is_some() && !text.has_special(&text.encode(&l.text)?) {
                let item = Item {
                    prompt: text.decode(&text.encode(&item.prompt)?)?,
                    ..item.clone()
                };
                let words = self.question.ask(&item)?;
                let ids = by.problems.question_ids(text, &self.system, &words)?;
                // The bound at the start of a run does not see what a template repeats.
                if ids.len().saturating_add(self.max_tokens) > room {
                    let [asked, unreadable] = &mut responses[i].judgements;
                    (*asked, *unreadable) = (*asked + 1, *unreadable + 1);
                    continue;
                }
                prompts.push(ids);
                places.push(i);
            }
        }
        let generation = Generation {
            sampling: self.sampling,
            self_reward_token: by.zc,
            ..by.learner.generation(self.max_tokens)
        };
        let sampled = by.learner.sample_ids(prompts, 1, &by.seed, &generation)?;
        for (i, judgement) in places.into_iter().zip(sampled) {
            for written in judgement.responses {
                let value = self.read(&text.decode(&written.ids)?);
                let [asked, unreadable] = &mut responses[i].judgements;
                *asked += 1;
                *unreadable += usize::from(value.is_none());
                responses[i].aside += written.ids.len();
                values[i] = value.unwrap_or(0.0);
            }
        }
        Ok(values)
    }

    /// The share of the best rating that a judgement says; `None` if it cannot be read.
    fn read(&self, judgement: &str) -> Option<f64> {
        let rating = self.rule.number(judgement).ok()?;
        Some((rating / BEST).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::PartKind;

    fn judge(prompt: &str) -> SelfJudge {
        SelfJudge::new(&RewardPart {
            prompt: Some(prompt.into()),
            ..RewardPart::new(PartKind::SelfJudge)
        })
        .unwrap()
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        judgements: Vec<String>,
        ratings: Vec<Option<f64>>,
        advantages: Vec<f64>,
    }

    #[test]
    fn ratings_and_the_advantages_of_them_equal_the_golden_ones() {
        let golden = include_str!("../../laser-rl/tests/golden/self_judge.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        for c in golden.cases {
            let judge = judge("{{ response }}");
            let ratings: Vec<Option<f64>> = c.judgements.iter().map(|w| judge.read(w)).collect();
            assert_eq!(ratings, c.ratings, "{}", c.name);
            let rewards: Vec<f32> = ratings.iter().map(|r| r.unwrap_or(0.0) as f32).collect();
            let advantages = laser_rl::AdvantageKind::Grpo.advantages(&rewards);
            for (found, expected) in advantages.iter().zip(&c.advantages) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{}", c.name);
            }
        }
    }

    #[test]
    fn a_rating_is_the_last_number_over_a_hundred_within_0_and_1() {
        let read = |words: &str| judge("{{ response }}").read(words);
        assert_eq!(read("85"), Some(0.85));
        assert_eq!(read("Score: 85"), Some(0.85));
        assert_eq!(read("none"), None);
        assert_eq!(read("150"), Some(1.0));
        assert_eq!(read("I give it 85/100."), Some(0.85));
        assert_eq!(read("between 80-85"), Some(0.85));
        assert_eq!(read("2 of 3 steps are right, so 62.5"), Some(0.625));
        assert_eq!(read(&"9".repeat(400)), None);
    }

    #[test]
    fn responses_with_the_same_rating_have_no_advantage() {
        let rating = judge("{{ response }}").read("85").unwrap() as f32;
        let advantages = laser_rl::AdvantageKind::Grpo.advantages(&[rating; 8]);
        assert_eq!(advantages, [0.0; 8]);
    }

    #[test]
    fn a_template_that_the_tokenizer_cannot_write_is_found() {
        let text = Text::from_parts(crate::demo::tokenizer_json().as_bytes(), None, None).unwrap();
        assert_eq!(
            unknown_letters(&text, "how good is it, 0-100?").unwrap(),
            ""
        );
        assert_eq!(unknown_letters(&text, "Rate It!\n").unwrap(), "RI!\n");
    }
    #[test]
    fn the_question_of_the_recipe_can_be_put_to_the_model_of_the_demo() {
        let text = Text::from_parts(crate::demo::tokenizer_json().as_bytes(), None, None).unwrap();
        let file = crate::recipe::built_in("ssr_zero").unwrap();
        let recipe = crate::Recipe::parse("ssr_zero", file, &[]).unwrap();
        let context = recipe.model.context;
        let problems = Problems::new(&recipe, &text, context).unwrap();
        let aside = SelfJudge::new(&recipe.reward[0])
            .unwrap()
            .check(&text, &problems)
            .unwrap();
        let longest = problems.longest_prompt(&text).unwrap() + recipe.rollout.max_new_tokens;
        assert!(longest + aside <= context, "{longest} + {aside}");
    }
}
