//! The extension `laser`: several samples, of which one is answered.

use serde_json::Value;

use super::fields::Fields;
use super::settings::Limits;
use crate::ApiError;

/// Samples of a vote that says nothing about them.
const SAMPLES: usize = 8;
/// Error rate of an adaptive vote that says nothing about it: none, so it ends as the whole would.
const ERROR: f64 = 0.0;

/// How one of several answers is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The answer with the largest sum of self-rewards, each clamped to [0, 1].
    Weighted,
    /// The answer that is given most often.
    Majority,
    /// The response with the highest self-reward.
    Best,
}

/// Several samples for one choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    /// How it is chosen.
    pub rule: Rule,
    /// Samples, at most.
    pub samples: usize,
    /// Stop before, once the vote of all samples would differ with at most this probability.
    pub adaptive: Option<f64>,
    /// Give no answer below this confidence.
    pub abstain_below: Option<f64>,
}

/// Takes the object out of a body.
pub(super) fn take(fields: &mut Fields, limits: &Limits) -> Result<Option<Vote>, ApiError> {
    let Some(members) = fields.object("laser")? else {
        return Ok(None);
    };
    let mut laser = Fields::new(members, "laser.");
    let rules = r#""weighted", "majority" or "best""#;
    let rule = match laser.take("vote") {
        None => return Err(laser.wrong("vote", format_args!("missing; {rules} is expected"))),
        Some(Value::String(rule)) => match rule.as_str() {
            "weighted" => Rule::Weighted,
            "majority" => Rule::Majority,
            "best" => Rule::Best,
            _ => return Err(laser.wrong("vote", format_args!("not known; {rules} is expected"))),
        },
        Some(other) => return Err(laser.wrong_type("vote", &other, rules)),
    };
    let range = 1..=i64::try_from(limits.samples).unwrap_or(i64::MAX);
    let n = laser.integer("n", range.clone())?;
    let (adaptive, most) = adaptive(&mut laser, range)?;
    if n.is_some() && most.is_some() {
        return Err(laser.wrong(
            "adaptive.max",
            "not together with 'laser.n', which means the same",
        ));
    }
    if rule == Rule::Best && adaptive.is_some() {
        let message =
            "not together with \"best\": any later response may have a higher self-reward";
        return Err(laser.wrong("adaptive", message));
    }
    let range = "a number from 0 to 1";
    let abstain_below = laser.number("abstain_below", range, |x| (0.0..=1.0).contains(&x))?;
    laser.finish(false)?;
    let default = SAMPLES.min(limits.samples);
    Ok(Some(Vote {
        rule,
        samples: n.or(most).map_or(default, |n| n as usize),
        adaptive,
        abstain_below,
    }))
}

/// The error rate, and `max`.
fn adaptive(
    laser: &mut Fields,
    range: std::ops::RangeInclusive<i64>,
) -> Result<(Option<f64>, Option<i64>), ApiError> {
    let members = match laser.take("adaptive") {
        None | Some(Value::Bool(false)) => return Ok((None, None)),
        Some(Value::Bool(true)) => return Ok((Some(ERROR), None)),
        Some(Value::Object(members)) => members,
        Some(other) => {
            let expected = r#"true, or {"error": number, "max": number}"#;
            return Err(laser.wrong_type("adaptive", &other, expected));
        }
    };
    let mut fields = Fields::new(members, "laser.adaptive.");
    let expected = "a number of at least 0, below 0.5";
    let error = fields.number("error", expected, |x| (0.0..0.5).contains(&x))?;
    let most = fields.integer("max", range)?;
    fields.finish(false)?;
    Ok((Some(error.unwrap_or(ERROR)), most))
}
