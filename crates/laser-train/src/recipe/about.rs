//! What the built-in recipes are, in a line each.

use serde::Serialize;

/// A built-in recipe as `laser methods` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Name of the recipe, of its file and of its page.
    pub name: &'static str,
    /// The kinds of pieces that it sets: see the table in `docs/recipes/methods.md`.
    pub kind: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What it needs beyond problems with answers and a group of responses to each.
    pub needs: &'static str,
}

const fn method(
    name: &'static str,
    kind: &'static str,
    source: &'static str,
    summary: &'static str,
    needs: &'static str,
) -> About {
    About {
        name,
        kind,
        source,
        summary,
        needs,
    }
}

const LASER: &str = "arXiv 2510.14943";
const ZC: &str = "an unused token";

/// Every built-in recipe, in the order of [`BUILT_IN`](super::BUILT_IN).
pub const METHODS: &[About] = &[
    method(
        "laser",
        "loss",
        LASER,
        "GRPO with last-token self-rewarding: the demo",
        ZC,
    ),
    method(
        "grpo",
        "advantage",
        "arXiv 2402.03300",
        "the reward against its group's mean and spread",
        "",
    ),
    method(
        "grpo_kl",
        "loss",
        "arXiv 2402.03300",
        "GRPO with the KL to the base model",
        "the base model's weights",
    ),
    method(
        "dr_grpo",
        "advantage",
        "arXiv 2503.20783",
        "no division by spread or length",
        "",
    ),
    method(
        "rloo",
        "advantage",
        "arXiv 2402.14740",
        "the mean of the other responses as the baseline",
        "",
    ),
    method(
        "reinforce_plus_plus",
        "advantage",
        "arXiv 2501.03262",
        "rewards whitened over the step",
        "no group",
    ),
    method(
        "reinforce_plus_plus_baseline",
        "advantage",
        "arXiv 2501.03262",
        "the group's mean off, then whitened over the step",
        "",
    ),
    method(
        "dapo",
        "loss, curriculum",
        "arXiv 2503.14476",
        "a higher upper clip, dynamic sampling, over-long responses apart",
        "",
    ),
    method(
        "gspo",
        "loss",
        "arXiv 2507.18071",
        "one ratio per response",
        "",
    ),
    method(
        "cispo",
        "loss",
        "arXiv 2506.13585",
        "a clipped weight that keeps every gradient",
        "",
    ),
    method(
        "ppo",
        "advantage, loss",
        "arXiv 1707.06347",
        "a critic instead of a group",
        "a value head; no group",
    ),
    method(
        "tempo",
        "credit",
        "arXiv 2509.18314",
        "credit where siblings part ways, from the tree of shared prefixes",
        "",
    ),
    method(
        "grpo_n",
        "credit",
        "boundary study of RLVR",
        "only responses below their group's mean",
        "",
    ),
    method(
        "grpo_lambda",
        "shaping",
        "arXiv 2505.18086",
        "brevity where the model is right anyway",
        "",
    ),
    method(
        "spo",
        "shaping",
        "arXiv 2401.04056",
        "the win rate among siblings, by the self-reward",
        "a trained self-reward",
    ),
    method(
        "sar",
        "shaping",
        "self-aligned reward",
        "more for responses that the question explains",
        "a pass of the policy",
    ),
    method(
        "endogenous",
        "shaping",
        "generalist reward models",
        "the likelihood under the frozen base model as the only reward",
        "a pass of the base model",
    ),
    method(
        "likelihood",
        "reward, loss",
        "arXiv 2602.03979",
        "the policy's likelihood of the gold answer after what a response thought",
        "two passes of the policy over the gold answers",
    ),
    method(
        "cntp",
        "sampler",
        "arXiv 2507.03038",
        "tests try several continuations where the model is unsure",
        "an unused token; several times the tokens in tests",
    ),
    method(
        "self_certainty",
        "selection",
        "arXiv 2502.18581",
        "Borda votes over the certainty of the model's own distributions, in tests",
        "",
    ),
    method(
        "laser_mix",
        "loss, advantage",
        LASER,
        "with the paper's advantage mix",
        ZC,
    ),
    method(
        "laser_unweighted",
        "loss",
        LASER,
        "without class weights",
        ZC,
    ),
    method(
        "laser_self_only",
        "advantage",
        LASER,
        "the self-reward alone as the advantage",
        ZC,
    ),
    method(
        "laser_no_warmup",
        "loss, advantage",
        LASER,
        "without the warm-up before the mix",
        ZC,
    ),
    method(
        "laser_reference",
        "loss",
        LASER,
        "the true reference instead of a constant",
        "an unused token; a pass of the base model",
    ),
    method(
        "laser_cross_entropy",
        "loss",
        LASER,
        "a classifier instead of the regression",
        "two unused tokens",
    ),
    method(
        "laser_at_eos",
        "loss",
        LASER,
        "the score where the end is emitted: no extra position",
        ZC,
    ),
    method(
        "gsm8k",
        "loss",
        LASER,
        "`laser` on a checkpoint and files of one's own",
        "a checkpoint; data files",
    ),
    method(
        "sft",
        "supervised",
        "",
        "supervised training on written responses",
        "written responses",
    ),
];
