//! Every format maps its rows.

use crate::common::{folder, kept, settings, text, words};
use laser_data::{Data, LoadReport, Problem, Wanted};

/// The test problems of a kept file.
fn problems(file: &str, format: &str) -> (Vec<Problem>, LoadReport) {
    let toml = format!("test = [\"{file}\"]\nformat = \"{format}\"");
    let none = Wanted::default();
    let data = Data::load(&settings(&toml), &kept(), none, none, words).unwrap();
    (data.test.unwrap().problems().to_vec(), data.report)
}

/// The one train problem that a line gives in format `columns`.
fn one(line: &str, columns: &str, wanted: Wanted) -> Problem {
    let folder = folder(&[("a.jsonl", line)]);
    let toml = format!("train = [\"a.jsonl\"]\n[columns]\n{columns}");
    let data = Data::load(&settings(&toml), folder.path(), wanted, wanted, words).unwrap();
    data.train.unwrap().problems()[0].clone()
}

fn answer(problem: &Problem) -> &str {
    problem.answer.as_deref().unwrap()
}

fn response(problem: &Problem) -> &str {
    problem.response.as_deref().unwrap()
}

#[test]
fn gsm8k_gives_question_answer_and_a_solution_without_annotations() {
    let (problems, _) = problems("gsm8k.jsonl", "gsm8k");
    assert_eq!(problems.len(), 3);
    assert!(text(&problems[0]).starts_with("Natalia sold clips"));
    let answers: Vec<_> = problems.iter().map(answer).collect();
    assert_eq!(answers, ["72", "10", "1,080"]);
    assert_eq!(
        response(&problems[0]),
        "Natalia sold 48/2 = 24 clips in May.\nNatalia sold 48+24 = 72 clips altogether in April and May.\n#### 72"
    );
    assert!(
        problems
            .iter()
            .all(|p| !response(p).contains("<<") && p.source == "gsm8k")
    );
    assert_eq!(problems[2].place.to_string(), "gsm8k.jsonl:3");
}

#[test]
fn math500_gives_problem_answer_solution_and_level() {
    let (problems, _) = problems("math500.jsonl", "math500");
    assert_eq!(text(&problems[0]), "Evaluate $\\log_264$.");
    assert_eq!(answer(&problems[0]), "6");
    assert!(response(&problems[0]).ends_with("\\boxed{6}$."));
    assert_eq!(problems[0].level.as_deref(), Some("2"));
    assert_eq!(problems[0].source, "math500");
}

#[test]
fn both_years_of_aime_give_a_text_as_answer() {
    for (file, gold) in [("aime24.jsonl", "043"), ("aime25.jsonl", "70")] {
        let (problems, _) = problems(file, "aime");
        assert_eq!(answer(&problems[0]), gold);
        assert!(text(&problems[0]).starts_with("Find the"));
        assert_eq!(problems[0].source, "aime");
    }
}

#[test]
fn amc_has_its_problem_under_either_name_and_its_answer_without_a_point() {
    let (problems, _) = problems("amc.jsonl", "amc");
    let both: Vec<_> = problems.iter().map(|p| (text(p), answer(p))).collect();
    assert_eq!(both[0], ("What is $3 \\cdot 9$?".into(), "27"));
    assert_eq!(both[1], ("What is $6^2$?".into(), "36"));
}

#[test]
fn olympiadbench_joins_several_answers_and_counts_them_and_those_without() {
    let (problems, report) = problems("olympiadbench_full.jsonl", "olympiadbench");
    let answers: Vec<_> = problems.iter().map(|p| p.answer.as_deref()).collect();
    assert_eq!(answers, [Some("$2$"), Some("3,-3"), Some("1, -1"), None]);
    assert_eq!(response(&problems[0]), "Subtract $1$: $x=2$.");
    assert_eq!(problems[2].response, None);
    assert_eq!(problems[0].level.as_deref(), Some("Competition"));
    let file = &report.files[0];
    assert_eq!(
        (
            file.several_answers,
            file.without_answer,
            file.without_response
        ),
        (2, 1, 1)
    );
    let (problems, _) = self::problems("olympiadbench.jsonl", "olympiadbench");
    assert_eq!(answer(&problems[0]), "2,-2");
}

#[test]
fn deepmath_gives_the_first_solution_and_the_difficulty() {
    let (problems, _) = problems("deepmath.jsonl", "deepmath");
    assert_eq!(answer(&problems[0]), "1");
    assert_eq!(response(&problems[0]), "It is \\boxed{1}.");
    assert_eq!(problems[0].level.as_deref(), Some("4.5"));
    let toml = "test = [\"deepmath.jsonl\"]\nformat = \"deepmath\"\n[columns]\nresponse = \"r1_solution_3\"\nsource = \"topic\"";
    let none = Wanted::default();
    let data = Data::load(&settings(toml), &kept(), none, none, words).unwrap();
    let other = &data.test.as_ref().unwrap().problems()[0];
    assert_eq!(response(other), "\\boxed{1}");
    assert_eq!(other.source, "Mathematics -> Calculus");
}

#[test]
fn verl_gives_messages_ground_truth_source_and_level_from_parquet() {
    let (problems, report) = problems("verl.parquet", "verl");
    assert_eq!(text(&problems[0]), "user: What is 1 + 1?");
    assert_eq!(
        text(&problems[1]),
        "system: Be brief.\nuser: What is 2 + 3?\nÜbrigens: ≤"
    );
    let answers: Vec<_> = problems.iter().map(answer).collect();
    assert_eq!(answers, ["2", "5", "42"]);
    let levels: Vec<_> = problems.iter().map(|p| p.level.as_deref()).collect();
    assert_eq!(levels, [Some("1"), None, Some("3")]);
    assert_eq!(problems[0].source, "ours/sums");
    assert_eq!(problems[2].place.to_string(), "verl.parquet, row 3");
    assert_eq!(report.files[0].rows, 3);
}

#[test]
fn verl_prompts_may_be_texts() {
    let line = r#"{"prompt": "2+2?", "data_source": "x", "reward_model": {"ground_truth": 4}}"#;
    let folder = folder(&[("a.jsonl", line)]);
    let data =
        crate::common::load("train = [\"a.jsonl\"]\nformat = \"verl\"", folder.path()).unwrap();
    let train = data.train.unwrap();
    let problem = &train.problems()[0];
    assert_eq!((text(problem).as_str(), answer(problem)), ("2+2?", "4"));
}

#[test]
fn unnamed_columns_have_the_names_of_their_keys() {
    let line = r#"{"prompt": "p", "answer": 7, "response": "r", "source": "s", "level": 1.5}"#;
    let problem = one(line, "", Wanted::ANSWER);
    assert_eq!(text(&problem), "p");
    assert_eq!((answer(&problem), response(&problem)), ("7", "r"));
    assert_eq!(
        (problem.source.as_str(), problem.level.as_deref()),
        ("s", Some("1.5"))
    );
    // A source that no row tells is the file's name without ending.
    let bare = one(r#"{"prompt": "p"}"#, "", Wanted::default());
    assert_eq!((bare.source.as_str(), bare.answer), ("a", None));
}

#[test]
fn columns_go_into_objects_by_dots_but_a_name_with_dots_comes_first() {
    let line = r#"{"q": {"text": "p"}, "reward_model": {"ground_truth": 70}, "reward_model.ground_truth": "dotted"}"#;
    let columns = "prompt = \"q.text\"\nanswer = \"reward_model.ground_truth\"";
    let problem = one(line, columns, Wanted::ANSWER);
    assert_eq!((text(&problem).as_str(), answer(&problem)), ("p", "dotted"));
    let line = &line.replace(", \"reward_model.ground_truth\": \"dotted\"", "");
    assert_eq!(answer(&one(line, columns, Wanted::ANSWER)), "70");
}

#[test]
fn a_conversation_ends_with_the_response() {
    let line = r#"{"m": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "q2"}, {"role": "assistant", "content": "a2"}]}"#
        .replace('\n', " ");
    let problem = one(&line, "messages = \"m\"", Wanted::RESPONSE);
    assert_eq!(text(&problem), "user: q\nassistant: a\nuser: q2");
    assert_eq!(response(&problem), "a2");
}

#[test]
fn a_file_entry_has_its_own_format_columns_and_name() {
    let toml = r#"
        test = ["math500.jsonl",
                { path = "aime25.jsonl", format = "aime", name = "aime25" },
                { path = "gsm8k.jsonl", format = "columns", columns = { prompt = "question" } }]
        format = "math500"
    "#;
    let data = crate::common::load(toml, &kept()).unwrap();
    let test = data.test.unwrap();
    let sources: Vec<_> = test.problems().iter().map(|p| p.source.as_str()).collect();
    assert_eq!(
        sources,
        ["math500", "math500", "aime25", "gsm8k", "gsm8k", "gsm8k"]
    );
    assert_eq!(answer(&test.problems()[2]), "70");
    assert!(answer(&test.problems()[3]).contains("####"));
}

#[test]
fn the_examples_of_the_documentation_work() {
    let page = include_str!("../../../../docs/data.md");
    let blocks = |kind: &str| -> Vec<&str> {
        let open = format!("```{kind}\n");
        page.split(&open)
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap())
            .collect()
    };
    let table = blocks("toml")[0].strip_prefix("[data]\n").unwrap();
    settings(table).check().unwrap();
    let formats = [
        ("columns", "42"),
        ("gsm8k", "24"),
        ("math500", "6"),
        ("aime", "70"),
        ("olympiadbench", "3,-3"),
        ("deepmath", "1"),
        ("verl", "2"),
    ];
    let rows = blocks("json");
    assert_eq!(rows.len(), formats.len());
    for (row, (format, gold)) in rows.into_iter().zip(formats) {
        let folder = folder(&[("a.jsonl", row)]);
        let toml = format!("train = [\"a.jsonl\"]\nformat = \"{format}\"");
        let train = crate::common::load(&toml, folder.path()).unwrap().train;
        assert_eq!(answer(&train.unwrap().problems()[0]), gold, "{format}");
    }
}

#[test]
fn a_paraphrase_is_read_where_one_is_wanted() {
    let line = r#"{"prompt": "p", "answer": 7, "again": [{"role": "user", "content": "q"}]}"#;
    let columns = "paraphrase = \"again\"";
    let wanted = Wanted {
        paraphrase: true,
        ..Wanted::ANSWER
    };
    let problem = one(line, columns, wanted);
    let other = problem.paraphrased().unwrap();
    assert_eq!(
        (text(&problem), text(&other)),
        ("p".into(), "user: q".into())
    );
    assert_eq!((answer(&other), &other.place), ("7", &problem.place));
    let unread = one(line, columns, Wanted::ANSWER);
    assert!(unread.paraphrase.is_none() && unread.paraphrased().is_none());
}
