use super::*;

fn error(text: &str, settings: &[&str]) -> String {
    let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
    Recipe::parse("r.toml", text, &settings)
        .unwrap_err()
        .to_string()
}

#[test]
fn an_empty_recipe_is_the_built_in_one_and_survives_a_round_trip() {
    let recipe = Recipe::parse("r.toml", "", &[]).unwrap();
    assert_eq!(recipe, Recipe::default());
    assert_eq!(
        Recipe::parse("r.toml", &recipe.to_toml(), &[]).unwrap(),
        recipe
    );
}

#[test]
fn settings_override_the_file() {
    let settings = [
        "self_reward.alpha=0".into(),
        "name = x y".into(),
        "evaluation.ks=[1, 2]".into(),
    ];
    let recipe = Recipe::parse("r.toml", "[self_reward]\nalpha = 5.0\n", &settings).unwrap();
    assert_eq!(
        (recipe.self_reward.alpha, recipe.name.as_str()),
        (0.0, "x y")
    );
    assert_eq!(recipe.evaluation.ks, [1, 2]);
}

#[test]
fn a_recipe_takes_from_its_base_what_it_does_not_set() {
    let recipe = Recipe::parse(
        "r.toml",
        "base = \"grpo\"\nseed = 7\n[policy]\nclip_high = 0.28\n",
        &[],
    )
    .unwrap();
    let grpo = Recipe::parse("grpo.toml", built_in("grpo").unwrap(), &[]).unwrap();
    assert_eq!(
        (recipe.seed, recipe.policy.clip_high, recipe.base.as_str()),
        (7, 0.28, "")
    );
    assert_eq!(
        (recipe.self_reward, recipe.tasks),
        (grpo.self_reward, grpo.tasks)
    );
}

#[test]
fn every_built_in_recipe_is_valid_has_its_own_name_and_shares_the_base_model() {
    let laser = Recipe::default();
    for (name, text) in BUILT_IN {
        let recipe = Recipe::parse(&format!("recipes/{name}.toml"), text, &[]).unwrap();
        assert_eq!(recipe.name, *name);
        // The one that reads z_c elsewhere has it prepared there, one minimises something else, two
        // turns need a longer context, with the same weights; others begin with no warm start.
        let own = *name == "laser_at_eos"
            || *name == "self_correction"
            || !recipe.warm_start.loss.is_cross_entropy()
            || !recipe.model.path.is_empty()
            || recipe.is_supervised();
        assert_eq!(
            recipe.base_fingerprint() != laser.base_fingerprint(),
            own,
            "{name}"
        );
    }
}

#[test]
fn every_built_in_recipe_has_a_page_that_names_it_in_its_first_line() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes");
    for (name, _) in BUILT_IN {
        let page = std::fs::read_to_string(pages.join(format!("{name}.md")))
            .unwrap_or_else(|e| panic!("docs/recipes/{name}.md: {e}"));
        let first = page.lines().next().unwrap_or_default();
        assert!(
            first.contains(&format!("`{name}`")),
            "docs/recipes/{name}.md"
        );
    }
}

#[test]
fn every_built_in_recipe_is_listed_with_what_it_does() {
    let names = BUILT_IN.iter().map(|r| r.0);
    assert!(names.eq(METHODS.iter().map(|m| m.name)));
    for m in METHODS {
        assert!(!m.kind.is_empty() && !m.summary.is_empty(), "{}", m.name);
    }
}

#[test]
fn policies_that_do_not_go_together_are_refused() {
    for (text, key) in [
        ("[policy]\nmini_batches = 65", "policy.mini_batches"),
        ("[policy]\npasses = 0", "policy.passes"),
        ("[policy]\nloss = \"reinforce\"\npasses = 2", "policy.loss"),
        (
            "[policy]\naggregation = { constant = { tokens = 0 } }",
            "policy.aggregation",
        ),
        ("[policy]\noverlong_tokens = 65", "policy.overlong_tokens"),
        (
            "[rollout]\nsamples = 1\nrefills = 1\n[policy]\nadvantage = \"no_baseline\"",
            "rollout.refills",
        ),
    ] {
        let e = error(text, &[]);
        assert!(e.contains(key) && e.contains("r.toml, line"), "{e}");
    }
    let alone = "[rollout]\nsamples = 1\n[policy]\nadvantage = \"no_baseline\"";
    assert!(Recipe::parse("r.toml", alone, &[]).is_ok());
}

#[test]
fn a_base_is_a_file_beside_the_recipe_and_errors_name_the_file_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let error = |path: &Path| Recipe::load(path, &[]).unwrap_err().to_string();
    write("below.toml", "seed = 3\nsteps = 9\n");
    let above = write("above.toml", "base = \"below.toml\"\nsteps = 4\n");
    let recipe = Recipe::load(&above, &[]).unwrap();
    assert_eq!((recipe.seed, recipe.steps), (3, 4));

    write("below.toml", "seed = 3\n\n[self_reward]\nbeta_v = -1.0\n");
    assert!(
        error(&above).contains("below.toml, line 4: self_reward.beta_v = -1"),
        "{}",
        error(&above)
    );
    write("below.toml", "sed = 3\n");
    assert!(
        error(&above).contains("below.toml") && error(&above).contains("sed"),
        "{}",
        error(&above)
    );
    write("below.toml", "base = \"above.toml\"\n");
    assert!(
        error(&above).contains("based on itself"),
        "{}",
        error(&above)
    );
    let missing = write("missing.toml", "seed = 1\nbase = \"nowhere\"\n");
    let message = error(&missing);
    assert!(
        message.contains("missing.toml, line 2: base = \"nowhere\"")
            && message.contains("laser, grpo"),
        "{message}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let e = error("seed = 1\n\n[self_reward]\nbeta = 0.1\n", &[]);
    assert!(
        e.contains("r.toml") && e.contains("line 4") && e.contains("beta"),
        "{e}"
    );
    let e = error("", &["rollout.sample=3"]);
    assert!(e.contains("--set") && e.contains("sample"), "{e}");
}

#[test]
fn a_value_out_of_range_is_refused_with_its_line_and_key() {
    let e = error("seed = 1\n[self_reward]\n# why\nbeta_v = -0.1\n", &[]);
    assert!(
        e.contains("r.toml, line 4") && e.contains("self_reward.beta_v = -0.1"),
        "{e}"
    );
    let e = error("steps = 0\n", &[]);
    assert!(e.contains("line 1") && e.contains("steps = 0"), "{e}");
    let e = error("", &["base=grpo"]);
    assert!(e.starts_with("--set: base = grpo"), "{e}");
    let e = error("", &["optimizer.lr=0"]);
    assert!(e.starts_with("--set: optimizer.lr = 0"), "{e}");
    for (text, key) in [
        ("[rollout]\nsamples = 1", "rollout.samples"),
        ("[rollout.sampling]\ntemperature = 0.7", "rollout.sampling"),
        ("[rollout]\nmax_new_tokens = 10", "rollout.max_new_tokens"),
        ("[model]\ncontext = 70", "model.context"),
        ("[model]\nheads = 3", "model.heads"),
        ("[model]\ndtype = \"float16\"", "bfloat16"),
        (
            "[model]\ndtype = \"bfloat16\"\n[lora]\nrank = 4",
            "model.dtype = \"bfloat16\"",
        ),
        ("[model]\nkv_heads = 3", "model.kv_heads"),
        ("[self_reward]\nc_ref = 3.0", "self_reward.c_ref"),
        ("[self_reward]\ntoken = \"\"", "self_reward.token"),
        ("[evaluation]\nks = [32]", "evaluation.ks"),
        ("[kl]\ncoefficient = -1.0", "kl.coefficient"),
        ("[kl]\ncoefficient = 0.1\nkind = \"k1\"", "kl.kind"),
        ("[kl]\ntarget = 0.1", "kl.target"),
        ("[kl]\nsync_every = 0", "kl.sync_every"),
        (
            "[kl]\ncoefficient = 0.1\nreference = \"ema\"\n[self_reward]\nc_ref = \"reference\"",
            "kl.reference",
        ),
        ("[entropy]\ntarget = 1.0\nmax = 0.0", "entropy.max"),
        ("[critic]\ncoefficient = 0.5", "critic.coefficient"),
        (
            "[critic]\ncoefficient = 0.5\n[policy]\nadvantage = \"no_baseline\"\n[self_reward]\ntau = 0.1",
            "self_reward.tau",
        ),
        (
            "[policy.importance]\nbound = { mask = { low = 2.0, high = 0.5 } }",
            "policy.importance.bound",
        ),
        ("[policy.importance]\nlevels = 1", "levels"),
        (
            "[self_reward]\nloss = \"cross_entropy\"",
            "self_reward.incorrect_token",
        ),
        (
            "tasks = [{task = \"chess\", steps = [1, 2], largest = 9}]",
            "tasks",
        ),
        ("[optimizer]\nlr = nan", "optimizer.lr"),
        (
            "[save]\nbest = \"luck\"",
            "r.toml, line 2: save.best = \"luck\"",
        ),
        (
            "[save]\nbest = \"accuracy\"\n[evaluation]\nevery = 0",
            "evaluation.every = 0",
        ),
        ("[evaluation]\npatience = 2", "evaluation.patience = 2"),
        (
            "[save]\ntime_budget_minutes = nan",
            "save.time_budget_minutes",
        ),
    ] {
        let e = error(text, &[]);
        assert!(e.contains(key), "{e}");
    }
}

#[test]
fn the_learning_rate_warms_up_and_falls_to_zero_after_the_last_step() {
    let at = |schedule, step| {
        Optimizer {
            lr: 2.0,
            warmup_steps: 4,
            schedule,
            ..Default::default()
        }
        .at(step, 12)
    };
    assert_eq!(
        [
            at(Schedule::Linear, 1),
            at(Schedule::Linear, 4),
            at(Schedule::Linear, 5)
        ],
        [0.5, 2.0, 2.0]
    );
    assert_eq!(
        [at(Schedule::Linear, 9), at(Schedule::Linear, 12)],
        [1.0, 0.25]
    );
    assert!((at(Schedule::Cosine, 9) - 1.0).abs() < 1e-6);
    assert_eq!(at(Schedule::Constant, 12), 2.0);
}

#[test]
fn parts_of_the_reward_that_cannot_work_are_refused_with_their_line() {
    let judge = "part = \"judge\"\nurl = \"http://h/v1\"\nmodel = \"m\"\nprompt = \"p\"\n";
    for (text, expected) in [
        (
            "part = \"verifier\"\nweight = nan",
            "line 3: reward.verifier.weight = nan",
        ),
        ("part = \"verifier\"\nweight = 0.0", "no part has a weight"),
        (
            "part = \"verifier\"\nurl = \"http://x\"",
            "line 3: reward.verifier.url",
        ),
        ("part = \"verifier\"\ncolour = 1", "line 3"),
        ("part = \"chess\"", "line 2"),
        ("weight = 1.0", "missing field `part`"),
        ("part = \"command\"", "needs the key command"),
        (
            "part = \"command\"\ncommand = []",
            "line 3: reward.command.command = []",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\nworkers = 0",
            "line 4: reward.command.workers = 0",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\ndeadline_seconds = 0",
            "deadline_seconds",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\ndeadline_seconds = 1e300",
            "deadline_seconds",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\nname = \"A b\"",
            "reward.A b.name",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\nname = \"mean\"",
            "another metric",
        ),
        (
            "part = \"command\"\ncommand = [\"a\"]\nname = \"verifier\"",
            "another metric",
        ),
        (
            "part = \"length\"\n[[reward]]\npart = \"length\"",
            "line 3: reward.length.name",
        ),
        (
            "part = \"http\"\nurl = \"x\"",
            "line 3: reward.http.url = \"x\"",
        ),
        (
            &format!("{judge}pattern = '('"),
            "line 6: reward.judge.pattern",
        ),
        (judge, "needs the key pattern"),
        (
            &format!("{judge}pattern = 'a'\nwords = {{}}"),
            "reward.judge.words",
        ),
        (
            &format!("{judge}pattern = 'a'\nrestarts = 1"),
            "not a key of part = \"judge\"",
        ),
    ] {
        let e = error(&format!("[[reward]]\n{text}\n"), &[]);
        assert!(e.contains("r.toml") && e.contains(expected), "{text}: {e}");
    }
    let e = error("reward = []", &[]);
    assert!(e.contains("line 1: reward = "), "{e}");
    let e = error("", &["reward=[{part=\"verifier\",gate=true}]"]);
    assert!(e.starts_with("--set: reward.verifier.gate = true"), "{e}");
}

#[test]
fn parts_replace_those_of_the_base_and_survive_a_round_trip() {
    let text = "base = \"grpo\"\n[[reward]]\npart = \"length\"\nweight = -0.5\n[[reward]]\npart = \"judge\"\nname = \"clear\"\nurl = \"http://h/v1\"\nmodel = \"m\"\nprompt = \"{{ response }}\"\npattern = '(\\w+)$'\nwords = { yes = 1.0, no = 0.0 }\n";
    let recipe = Recipe::parse("r.toml", text, &[]).unwrap();
    assert_eq!(recipe.reward.len(), 2);
    let again = Recipe::parse("r.toml", &recipe.to_toml(), &[]).unwrap();
    assert_eq!(again, recipe);
    let mut patient = recipe.clone();
    patient.reward[1].workers = Some(3);
    assert_eq!(patient.run_fingerprint(), recipe.run_fingerprint());
    patient.reward[1].weight = 0.5;
    assert_ne!(patient.run_fingerprint(), recipe.run_fingerprint());
    assert_eq!(patient.base_fingerprint(), recipe.base_fingerprint());
}
