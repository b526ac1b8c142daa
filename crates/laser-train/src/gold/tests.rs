use laser_rollout::{Finish, Response};

use super::*;
use crate::label::label;

fn characters() -> Text {
    Text::from_parts(crate::demo::tokenizer_json().as_bytes(), None, None).unwrap()
}

fn problem(task: &'static str, gold: &str) -> Problem {
    Problem {
        task,
        prompt: "1+1=".into(),
        gold: gold.into(),
        solution: String::new(),
        difficulty: 1,
    }
}

/// What stays of a response, and what follows.
fn placed(
    text: &Text,
    likelihood: &LikelihoodReward,
    problem: &Problem,
    words: &str,
    finish: Finish,
) -> (String, String, bool) {
    let ids = text.encode(words).unwrap();
    let response = Response {
        logprobs: vec![-1.0; ids.len()],
        ids,
        finish,
        self_logprob: None,
        self_certainty: None,
        drawn: 0,
    };
    let l = label(text, problem, vec![response]).unwrap().remove(0);
    let end = text.token_id("<|endoftext|>");
    let gold = GoldAnswer::new(text, likelihood, problem, &l, end).unwrap();
    if problem.task == FILES {
        let bound = room(text, likelihood, &problem.gold).unwrap();
        assert!(gold.ids.len() <= bound, "{} {bound}", gold.ids.len());
    }
    let shown = |ids: &[u32]| -> String {
        let tokens = ids.iter().map(|id| text.token(*id).unwrap());
        tokens.collect()
    };
    let kept = shown(&l.response.ids[..gold.cut]);
    (kept, shown(&gold.ids), gold.marked)
}

#[test]
fn the_answer_of_a_task_stands_behind_the_mark_and_a_missing_mark_is_scored_with_it() {
    let (text, likelihood) = (characters(), LikelihoodReward::default());
    let of = |words: &str, finish| {
        let (kept, ids, marked) = placed(
            &text,
            &likelihood,
            &problem("arithmetic", "12"),
            words,
            finish,
        );
        (kept, ids.replace("<|endoftext|>", "$"), marked)
    };
    let expect = |kept: &str, ids: &str, marked| (kept.to_owned(), ids.to_owned(), marked);
    let stop = Finish::Stop;
    assert_eq!(
        of("1+1=2;#7<|endoftext|>", stop),
        expect("1+1=2;#", "12$", true)
    );
    assert_eq!(of("#<|endoftext|>", stop), expect("#", "12$", true));
    // The last of several marks; one in a truncated response counts as well.
    assert_eq!(of("#1;#2", Finish::Length), expect("#1;#", "12$", true));
    assert_eq!(
        of("1+1=2<|endoftext|>", stop),
        expect("1+1=2", "#12$", false)
    );
    assert_eq!(of("1+", Finish::Length), expect("1+", "#12$", false));
    // Special tokens have no text; one before the mark stays, one behind it is the answer's.
    assert_eq!(
        of("<|reserved_3|>#<|reserved_3|>7<|endoftext|>", stop),
        expect("<|reserved_3|>#", "12$", true)
    );
}

/// Words as tokens, some of which reach over the mark.
fn words() -> Text {
    let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":{"type":"Fuse"},
"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
"vocab":{"<|endoftext|>":0,"a":1,"\\":2,"b":3,"o":4,"x":5,"e":6,"d":7,"{":8,"4":9,"}":10,"{4":11,"2":12},"merges":["{ 4"]}}"#;
    Text::from_parts(json.as_bytes(), None, None).unwrap()
}

#[test]
fn a_token_that_reaches_over_the_mark_is_cut_before() {
    let (text, likelihood) = (words(), LikelihoodReward::default());
    let of = |gold: &str, words: &str| {
        placed(
            &text,
            &likelihood,
            &problem(FILES, gold),
            words,
            Finish::Length,
        )
    };
    let expect = |kept: &str, ids: &str| (kept.to_owned(), ids.to_owned(), true);
    // "{4" is one token: the brace is written with the gold answer, as the tokenizer writes it.
    assert_eq!(of("4", "a\\boxed{42}"), expect("a\\boxed", "{4}"));
    assert_eq!(of("2", "a\\boxed{42}"), expect("a\\boxed", "{2}"));
    assert_eq!(of("4", "a\\boxed{2}"), expect("a\\boxed{", "4}"));
}

#[test]
fn a_mark_of_ones_own_comes_with_what_closes_the_answer() {
    let likelihood = LikelihoodReward {
        cut: "=".into(),
        close: ";".into(),
        ..LikelihoodReward::default()
    };
    let (kept, ids, marked) = placed(
        &characters(),
        &likelihood,
        &problem("arithmetic", "2"),
        "1+1=3;#3<|endoftext|>",
        Finish::Stop,
    );
    assert_eq!((kept.as_str(), ids.as_str(), marked), ("1+1=", "2;", true));
}
