//! What is recommended for a recipe, and why.

use laser_train::{CRef, Candidate, MAX_PARTITION_EXCESS, MAX_SCORE_NOISE, Measure};

/// What is recommended, and why.
pub struct Advice {
    /// The β_v that was asked for, or the smallest that would do.
    pub beta_v: f32,
    /// Whether log Z ≈ 0 holds at the β_v that was asked for.
    pub holds: bool,
    /// Built-in noise of the score at the recommended β_v.
    pub noise: f64,
    /// The reason in words.
    pub why: String,
}

impl Advice {
    /// Advice on the best candidate for the β_v that was asked for.
    pub fn new(chosen: &Candidate, asked: f32) -> Self {
        let r = &chosen.reference;
        let excess = r.partition_excess(asked);
        let holds = excess <= MAX_PARTITION_EXCESS;
        let beta_v = match holds {
            true => asked,
            false => r.smallest_beta_v(MAX_PARTITION_EXCESS) as f32,
        };
        let noise = r.noise(beta_v);
        let why = match holds {
            true => format!(
                "{} has the least built-in noise ({noise:.4}) of the tokens whose Z − 1 is at most {MAX_PARTITION_EXCESS:.0e} (its own is {excess:.1e})",
                chosen.token
            ),
            false => format!(
                "no token is rare enough at beta_v = {asked}; the rarest, {}, has Z − 1 = {excess:.1e} where {MAX_PARTITION_EXCESS:.0e} is the most, and would do with --beta-v {beta_v} or more",
                chosen.token,
            ),
        };
        Advice {
            beta_v,
            holds,
            noise,
            why,
        }
    }

    /// Whether a constant c_ref is good enough.
    pub fn constant(&self) -> bool {
        self.noise <= MAX_SCORE_NOISE
    }

    /// The c_ref of a recipe.
    pub fn c_ref(&self, chosen: &Candidate) -> CRef {
        match self.constant() {
            true => CRef::Given(chosen.reference.mean),
            false => CRef::Measured(Measure::Reference),
        }
    }
}

/// The lines of a recipe.
pub fn snippet(chosen: &Candidate, advice: &Advice) -> String {
    let c_ref = match advice.c_ref(chosen) {
        // With a point, which TOML wants of a number that is no integer.
        CRef::Given(c) => format!("{c:?}"),
        CRef::Measured(_) => "\"reference\"".into(),
    };
    // A JSON string is a TOML basic string.
    let token = serde_json::Value::from(chosen.token.as_str());
    let beta_v = advice.beta_v;
    format!("[self_reward]\ntoken = {token}\nbeta_v = {beta_v:?}\nc_ref = {c_ref}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use laser_train::{Recipe, TokenReference};

    fn candidate(logps: &[f32]) -> Candidate {
        Candidate {
            token: "<|\"z\"|>".into(),
            token_id: 7,
            reference: TokenReference::measure(logps).unwrap(),
        }
    }

    #[test]
    fn the_lines_for_a_recipe_are_a_recipe() {
        for (logps, beta_v, c_ref) in [
            (&[-24.0, -24.25][..], 0.1, CRef::Given(-24.125)),
            (&[-23.0, -25.0], 0.1, CRef::Measured(Measure::Reference)),
            (&[-10.0, -10.0], 0.07, CRef::Given(-10.0)),
        ] {
            let candidate = candidate(logps);
            let advice = Advice::new(&candidate, beta_v);
            let recipe = Recipe::parse("r.toml", &snippet(&candidate, &advice), &[]).unwrap();
            let s = recipe.self_reward;
            assert_eq!((s.token.as_str(), s.c_ref), ("<|\"z\"|>", c_ref));
            assert_eq!(s.beta_v, advice.beta_v);
            assert_eq!(advice.beta_v == beta_v, advice.holds);
            let excess = candidate.reference.partition_excess(s.beta_v);
            assert!(excess <= MAX_PARTITION_EXCESS);
        }
    }
}
