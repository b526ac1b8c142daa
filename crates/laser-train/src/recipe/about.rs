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
        "par",
        "shaping",
        "preference as reward",
        "the chance of beating the base model's response",
        "a response of the base model to each problem",
    ),
    method(
        "pppo",
        "credit, reward",
        "arXiv 2512.15274",
        "only the first tokens, rated by how often other ends to them are right",
        "other ends to every response",
    ),
    method(
        "co_reward",
        "sampler, shaping",
        "Co-Reward",
        "a question and its paraphrase label each other by majority vote",
        "a paraphrase of each problem",
    ),
    method(
        "sdpo",
        "loss",
        "self-distillation policy optimization",
        "learning from the policy that has read a correct sibling",
        "passes and weights of a teacher",
    ),
    method(
        "srpo",
        "loss",
        "arXiv 2604.02288",
        "the same for failed responses, GRPO for the others",
        "passes and weights of a teacher",
    ),
    method(
        "diversity_or_precision",
        "loss",
        "arXiv 2512.22955",
        "a warm start that sharpens or flattens the base model",
        "a warm start",
    ),
    method(
        "ssr_zero",
        "reward",
        "SSR-Zero",
        "the policy's own rating in words as the only reward",
        "a model that follows instructions; a judgement of every response",
    ),
    method(
        "thr",
        "credit",
        "token hidden reward",
        "only tokens whose update moves the correct responses",
        "a pass of the policy",
    ),
    method(
        "tw_grpo",
        "credit",
        "arXiv 2505.24718",
        "more weight where the distributions of a group differ",
        "a pass of the policy",
    ),
    method(
        "self_correction",
        "sampler, shaping, loss",
        "SCoRe, arXiv 2409.12917",
        "a second attempt, rewarded for what it improves on the first",
        "room for two turns; the base model's weights",
    ),
    method(
        "dpo",
        "preference",
        "arXiv 2305.18290",
        "pairs of the policy's own responses by the verifier",
        "a pass of the base model",
    ),
    method(
        "cream",
        "preference",
        "consistency-regularized self-rewarding",
        "pairs by the policy's own ranking, trusted as far as the step before agrees",
        "passes of the base model and of the policy of the step before",
    ),
    method(
        "tgdpo",
        "preference",
        "token-level guided DPO",
        "DPO with tokens weighted by a guide model",
        "a guide model; passes of it and of the base model",
    ),
    method(
        "rto",
        "reward",
        "arXiv 2404.18922",
        "PPO with the implicit reward of a DPO model on every token",
        "a guide model; passes of it and of the base model; a value head",
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
        "loss",
        "",
        "supervised training on written responses",
        "written responses",
    ),
];
