//! What must hold for every task. The cases are a fixed sample of seeds, indices and difficulties.

use std::collections::HashSet;

use super::*;
use laser_rng::Rng;

const SPLITS: [Split; 2] = [Split::Train, Split::Test];

/// Every task at every number of steps, with the smallest, a middle and the largest operands.
fn dials() -> Vec<(&'static dyn Task, Difficulty)> {
    let mut all = Vec::new();
    for task in TASKS {
        let limits = task.limits();
        let (low, high) = (*limits.largest.start(), *limits.largest.end());
        for steps in limits.steps {
            for largest in [low, low.midpoint(high), high] {
                all.push((task, Difficulty { steps, largest }));
            }
        }
    }
    all
}

/// Calls `visit` on `count` problems of each split at every setting of the dials.
fn for_each_problem(count: u64, mut visit: impl FnMut(&dyn Task, Split, Difficulty, &Problem)) {
    for (task, difficulty) in dials() {
        for split in SPLITS {
            for index in 0..count {
                let problem = task.generate(split, 7, index, difficulty);
                visit(task, split, difficulty, &problem.expect("within limits"));
            }
        }
    }
}

#[test]
fn the_alphabet_leaves_room_for_special_tokens() {
    let distinct: HashSet<char> = ALPHABET.chars().collect();
    assert_eq!(distinct.len(), ALPHABET.len());
    assert!(ALPHABET.len() <= 60);
}

#[test]
fn problems_are_in_the_alphabet_and_within_their_length_and_steps() {
    for_each_problem(60, |task, _, difficulty, problem| {
        let longest = task.max_chars(difficulty.steps);
        assert!(problem.prompt.len() <= longest.prompt, "{problem:?}");
        assert!(problem.solution.len() <= longest.solution, "{problem:?}");
        assert!(problem.gold.len() <= longest.answer, "{problem:?}");
        let text = problem.prompt.clone() + &problem.solution;
        assert!(text.chars().all(|c| ALPHABET.contains(c)), "{problem:?}");
        let steps = problem.solution.matches(';').count();
        assert_eq!(steps, difficulty.steps as usize);
        assert_eq!(problem.difficulty, difficulty.steps);
        assert_eq!(problem.task, task.name());
    });
}

#[test]
fn values_are_small() {
    for_each_problem(60, |_, _, difficulty, problem| {
        let numbers = |text: &str| -> Vec<u32> {
            text.split(|c: char| !c.is_ascii_digit())
                .filter_map(|digits| digits.parse().ok())
                .collect()
        };
        assert!(numbers(&problem.solution).iter().all(|&n| n <= 99));
        let given = problem.prompt.split('>').next().unwrap_or_default();
        assert!(numbers(given).iter().all(|&n| n <= difficulty.largest));
    });
}

#[test]
fn the_solution_is_correct_and_spoiled_solutions_are_not() {
    let mut rng = Rng::from_words(&[3]);
    for_each_problem(40, |task, _, _, problem| {
        let Problem {
            prompt,
            gold,
            solution,
            ..
        } = problem;
        assert!(task.check(prompt, gold, solution), "{problem:?}");
        assert!(task.extract(solution).is_some());

        let (steps, answer) = at_answer_mark(solution).expect("one mark");
        let wrong = (answer.parse::<u64>().expect("a number") + 1 + rng.below(90)).to_string();
        for spoiled in [
            format!("{steps}#{wrong}"),
            format!("{steps}{answer}"),
            format!("{steps}#"),
            format!("{steps}#{answer}#{answer}"),
            format!("#{wrong};{steps}#{answer}"),
            format!("{steps}#0{answer}"),
            format!("{steps}#{answer};"),
            String::new(),
        ] {
            assert!(
                !task.check(prompt, gold, &spoiled),
                "{problem:?} {spoiled:?}"
            );
        }
    });
}

#[test]
fn no_response_panics_and_what_is_correct_has_a_key() {
    let mut rng = Rng::from_words(&[4]);
    let mut characters: Vec<char> = ALPHABET.chars().collect();
    characters.extend(['é', '\n', '\u{2212}', '٣']);
    for_each_problem(10, |task, _, _, problem| {
        for _ in 0..20 {
            let mut response: Vec<char> = problem.solution.chars().collect();
            for _ in 0..=rng.below(3) {
                let at = rng.below(response.len() as u64) as usize;
                response[at] = *rng.choose(&characters).expect("not empty");
            }
            let response: String = response.into_iter().collect();
            let correct = task.check(&problem.prompt, &problem.gold, &response);
            assert!(!correct || task.extract(&response).is_some());
            let _ = task.check(&response, &response, &response);
            let _ = task.canonical(&response);
        }
    });
}

#[test]
fn the_split_is_a_function_of_the_prompt() {
    for_each_problem(60, |task, split, _, problem| {
        let canonical = task.canonical(&problem.prompt);
        assert_eq!(canonical.map(|text| Split::of(&text)), Some(split));
    });
}

#[test]
fn a_paraphrase_is_another_prompt_on_the_same_side_with_the_same_answer() {
    let (mut all, mut others) = (0, 0);
    for_each_problem(40, |task, _, difficulty, problem| {
        let other = task.paraphrase(problem);
        assert_eq!(
            task.canonical(&other.prompt),
            task.canonical(&problem.prompt)
        );
        assert_eq!(other.gold, problem.gold);
        assert!(
            task.check(&other.prompt, &other.gold, &other.solution),
            "{other:?}"
        );
        // Equal answers to the two views have equal keys: what is right for one is for the other.
        assert!(task.check(&other.prompt, &other.gold, &problem.solution));
        assert!(other.prompt.len() <= task.max_chars(difficulty.steps).prompt);
        all += 1;
        others += usize::from(other.prompt != problem.prompt);
    });
    // Where a chain begins with a subtraction there is no other form.
    assert!(others * 10 > all * 6, "{others} of {all}");
}

#[test]
fn paraphrases_change_the_order_of_what_may_be_in_any_order() {
    let other = |name: &str, prompt: &str, gold: &str| {
        let problem = Problem {
            task: "",
            prompt: prompt.into(),
            gold: gold.into(),
            solution: String::new(),
            difficulty: 1,
        };
        task(name).unwrap().paraphrase(&problem).prompt
    };
    assert_eq!(other("arithmetic", "7+11*2-4=", "32"), "11+7*2-4=");
    assert_eq!(other("arithmetic", "7*3=", "21"), "3*7=");
    assert_eq!(other("arithmetic", "7-3=", "4"), "7-3=");
    assert_eq!(other("arithmetic", "4+4=", "8"), "4+4=");
    assert_eq!(other("peak", "2+9-4^", "11"), "9+2-4^");
    // The start counts, and here it is the peak.
    assert_eq!(other("peak", "5*0+1^", "5"), "5*0+1^");
    assert_eq!(other("countdown", "3,7,12>16:", "16"), "7,12,3>16:");
    assert_eq!(other("countdown", "4,4>8:", "8"), "4,4>8:");
    for task in ["arithmetic", "peak", "countdown"] {
        assert_eq!(other(task, "no problem", "1"), "no problem");
    }
}

#[test]
fn both_splits_have_many_problems_even_at_the_easiest() {
    for (task, fewest) in [("arithmetic", 15), ("peak", 100), ("countdown", 100)] {
        let task = super::task(task).expect("a built-in task");
        let limits = task.limits();
        let difficulty = Difficulty {
            steps: *limits.steps.start(),
            largest: *limits.largest.start(),
        };
        for split in SPLITS {
            let prompts: HashSet<String> = (0..4000)
                .map(|index| task.generate(split, 1, index, difficulty))
                .map(|problem| problem.expect("within limits").prompt)
                .collect();
            assert!(prompts.len() >= fewest, "{split} {}", prompts.len());
        }
    }
}

#[test]
fn chains_are_on_one_side_whatever_the_question() {
    for_each_problem(20, |task, split, _, problem| {
        if let ("arithmetic", Some(chain)) = (task.name(), problem.prompt.strip_suffix('=')) {
            let canonical = peak::Peak.canonical(&format!("{chain}^"));
            assert_eq!(canonical.map(|text| Split::of(&text)), Some(split));
        }
    });
}

#[test]
fn the_peak_is_never_the_last_value() {
    for_each_problem(60, |task, _, _, problem| {
        if task.name() == "peak" {
            let (steps, answer) = at_answer_mark(&problem.solution).expect("one mark");
            assert!(!steps.ends_with(&format!("={answer};")), "{problem:?}");
        }
    });
}

#[test]
fn streams_differ_by_seed_index_and_split() {
    for (task, difficulty) in dials().into_iter().filter(|(_, d)| d.largest > 20) {
        let prompts = |split, seed| -> Vec<String> {
            (0..20)
                .map(|index| task.generate(split, seed, index, difficulty))
                .map(|problem| problem.expect("within limits").prompt)
                .collect()
        };
        let first = prompts(Split::Train, 1);
        assert_eq!(first, prompts(Split::Train, 1));
        assert_ne!(first, prompts(Split::Train, 2));
        assert_ne!(first, prompts(Split::Test, 1));
        assert!(first.iter().collect::<HashSet<_>>().len() > 10);
    }
}

#[test]
fn difficulties_outside_the_limits_are_refused() {
    for task in TASKS {
        let limits = task.limits();
        let largest = *limits.largest.start();
        let steps = *limits.steps.end();
        for difficulty in [
            Difficulty { steps: 0, largest },
            Difficulty {
                steps: steps + 1,
                largest,
            },
            Difficulty { steps, largest: 0 },
            Difficulty {
                steps,
                largest: u32::MAX,
            },
        ] {
            let refused = task.generate(Split::Train, 0, 0, difficulty);
            assert!(matches!(refused, Err(TaskError::Difficulty { .. })));
        }
    }
}

/// The streams are part of the interface: recorded results refer to problems by seed and index.
#[test]
fn the_streams_are_pinned() {
    for (name, split, prompt, solution) in [
        (
            "arithmetic",
            Split::Train,
            "7+11+16-14=",
            "7+11=18;18+16=34;34-14=20;#20",
        ),
        ("peak", Split::Test, "9-7*2+2^", "9-7=2;2*2=4;4+2=6;#9"),
        (
            "countdown",
            Split::Train,
            "10,11,19,2>38:",
            "11-2=9;19+9=28;28+10=38;#38",
        ),
    ] {
        let difficulty = Difficulty {
            steps: 3,
            largest: 20,
        };
        let problem = task(name).and_then(|task| task.generate(split, 2026, 5, difficulty));
        let problem = problem.expect("within limits");
        assert_eq!(
            (problem.prompt.as_str(), problem.solution.as_str()),
            (prompt, solution)
        );
    }
}

#[test]
fn a_marked_answer_is_one_number_after_the_only_mark_at_the_end() {
    let answer = |text| marked_answer(text).map(|a| a.into_owned());
    assert_eq!(answer("12-5=7;7+7=14;#14"), Some("14".into()));
    for text in ["", "14", "#14 apples", "#1;#2", "# Title\n14", "#"] {
        assert_eq!(answer(text), None, "{text:?}");
    }
}
