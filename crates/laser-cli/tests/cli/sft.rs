//! `laser sft`.

use super::*;

const QUICK: [&str; 12] = [
    "--out",
    "out",
    "--set",
    "steps=4",
    "--set",
    "method='supervised'",
    "--set",
    "self_reward.token=''",
    "--set",
    "evaluation.every=2",
    "--set",
    "supervised.batch_size=4",
];

fn sft(dir: &Path, further: &[&str]) -> Output {
    laser(dir, &[&["sft", "tiny.toml"], &QUICK[..], further].concat())
}

#[test]
fn a_supervised_run_shows_its_loss_and_nothing_that_it_has_not() {
    let dir = workplace();
    let output = sft(dir.path(), &[]);
    let (data, log) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{log}");
    for part in [
        "loss, nats per token",
        "accuracy",
        "maj@4",
        "out/checkpoints/step-4",
    ] {
        assert!(data.contains(part), "'{part}' is missing in: {data}");
    }
    for part in [
        "step    loss  grad norm  learning rate    tokens/s",
        "test at step 2: loss ",
    ] {
        assert!(log.contains(part), "'{part}' is missing in: {log}");
    }
    for absent in [
        "warm start",
        "log p(z_c)",
        "reward",
        "F1",
        "weighted",
        "epoch",
    ] {
        assert!(!log.contains(absent), "'{absent}' is in: {log}");
        assert!(!data.contains(absent), "'{absent}' is in: {data}");
    }
    let page = read(dir.path().join("out/report.html"));
    for id in ["loss", "accuracy", "grad-norm", "learning-rate", "seconds"] {
        let figure = page
            .split(&format!("<figure id=\"{id}\">"))
            .nth(1)
            .expect(id);
        assert!(
            figure
                .split("</figure>")
                .next()
                .unwrap()
                .contains("<svg viewBox"),
            "{id}"
        );
    }
    assert!(!page.contains("The run measured none of this."));
    assert!(!page.contains("no self-reward") && !page.contains("Weighted"));
}

#[test]
fn a_supervised_recipe_is_the_same_run_with_train_and_one_that_learns_from_rewards_is_refused() {
    let dir = workplace();
    assert!(sft(dir.path(), &[]).status.success());
    let of = |run: &str| {
        std::fs::read(
            dir.path()
                .join(run)
                .join("checkpoints/step-4/model.safetensors"),
        )
        .unwrap()
    };
    let args = [&["train", "tiny.toml"], &QUICK[..], &["--out", "other"]].concat();
    let args: Vec<&str> = args
        .iter()
        .filter(|a| **a != "--out" && **a != "out" && **a != "other")
        .copied()
        .collect();
    let output = laser(dir.path(), &[&args[..], &["--out", "other"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(of("out") == of("other"));
    fails(
        dir.path(),
        &["sft", "tiny.toml"],
        2,
        &[
            "tiny.toml",
            "method",
            "laser train tiny.toml",
            "base = \"sft\"",
        ],
    );
    fails(dir.path(), &["sft", "grpo"], 2, &["laser train grpo"]);
    fails(
        dir.path(),
        &["sft", "nope"],
        2,
        &["there is no such recipe file", "sft"],
    );
}

#[test]
fn a_dry_run_of_written_responses_tells_their_cost_and_no_sampling() {
    let dir = workplace();
    let output = sft(dir.path(), &["--dry-run"]);
    let data = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    for part in [
        "method = \"supervised\"",
        "4 steps of 4 written responses",
        "tokens, prompts included",
        // 5 problems before and after, 3 after step 2, 4 samples each.
        "and 52 sampled responses",
        "# memory",
    ] {
        assert!(data.contains(part), "'{part}' is missing in: {data}");
    }
    for absent in ["warm start  ", "prompts x", "s sampling"] {
        assert!(!data.contains(absent), "'{absent}' is in: {data}");
    }
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_run_that_is_out_of_time_names_the_command_that_goes_on() {
    let dir = workplace();
    let output = sft(dir.path(), &["--time-budget", "1e-9"]);
    assert_eq!(output.status.code(), Some(1));
    let log = stderr(&output);
    assert!(log.contains("sft tiny.toml --resume --out out"), "{log}");
    let output = sft(dir.path(), &["--resume"]);
    assert!(output.status.success(), "{}", stderr(&output));
}
