use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::http::tests::{endpoint, items, serve};

fn settings(url: &str) -> JudgeSettings {
    JudgeSettings {
        endpoint: endpoint(url),
        model: "m".into(),
        prompt: "{{ prompt }} | {{ response }} | {{ gold }}\nEnd with: grade N".into(),
        system: String::new(),
        pattern: r"grade\s+(\S+)".into(),
        words: BTreeMap::new(),
        temperature: 0.0,
        max_tokens: None,
    }
}

fn completion(words: &str) -> String {
    json!({"choices": [{"message": {"role": "assistant", "content": words}}]}).to_string()
}

fn judged(settings: JudgeSettings, words: &'static str) -> Result<f64, String> {
    let (url, _) = serve(move |_, _| Some(("200 OK", completion(words))));
    let endpoint = Endpoint {
        deadline: Duration::from_secs(60),
        ..endpoint(&url)
    };
    let mut judge = Judge::new(JudgeSettings {
        endpoint,
        ..settings
    })
    .map_err(|e| e.to_string())?;
    judge
        .score(&items(1), &|| false)
        .map(|r| r[0])
        .map_err(|e| e.to_string())
}

fn words(pattern: &str, words: &[(&str, f64)]) -> JudgeSettings {
    JudgeSettings {
        pattern: pattern.into(),
        words: words.iter().map(|(w, x)| (w.to_string(), *x)).collect(),
        ..settings("http://127.0.0.1:9")
    }
}

#[test]
fn the_last_match_is_the_verdict() {
    let plain = || settings("http://127.0.0.1:9");
    assert_eq!(judged(plain(), "grade 1? No: grade 0.75"), Ok(0.75));
    assert_eq!(judged(plain(), "grade -2"), Ok(-2.0));
    let verdicts = [("Yes", 1.0), ("no", 0.0)];
    let rule = || words(r"(?i)\b(?:yes|no)\b", &verdicts);
    assert_eq!(judged(rule(), "No … wait. YES."), Ok(1.0));
    assert_eq!(judged(rule(), "no"), Ok(0.0));
}

#[test]
fn a_verdict_that_cannot_be_read_is_an_error() {
    let plain = || settings("http://127.0.0.1:9");
    for (given, problem) in [
        ("I cannot say.", "pattern finds nothing"),
        ("", "pattern finds nothing"),
        ("grade A", "`A` is no number"),
        ("grade NaN", "`NaN` is no number"),
        ("grade inf", "`inf` is no number"),
    ] {
        let e = judged(plain(), given).unwrap_err();
        assert!(e.contains(problem), "{given}: {e}");
    }
    let e = judged(words(r"\w+$", &[("yes", 1.0)]), "surely maybe").unwrap_err();
    assert!(e.contains("`maybe` is none of the words"), "{e}");
}

#[test]
fn an_answer_that_is_no_completion_is_an_error() {
    let (url, _) = serve(|_, _| Some(("200 OK", "{\"choices\": []}".into())));
    let mut judge = Judge::new(settings(&url)).unwrap();
    let e = judge.score(&items(1), &|| false).unwrap_err().to_string();
    assert!(e.contains("choices[0].message.content"), "{e}");
}

#[test]
fn the_question_is_a_chat_completion_with_the_fields_of_the_item() {
    let (url, seen) = serve(|_, _| Some(("200 OK", completion("grade 1"))));
    let base = url.replace("/score", "/v1/");
    let mut judge = Judge::new(JudgeSettings {
        system: "Be strict.".into(),
        max_tokens: Some(9),
        ..settings(&base)
    })
    .unwrap();
    assert_eq!(judge.score(&items(3), &|| false).unwrap(), [1.0; 3]);
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .all(|(head, _)| head.starts_with("POST /v1/chat/completions "))
    );
    let bodies: Vec<Value> = seen
        .iter()
        .map(|(_, b)| serde_json::from_str(b).unwrap())
        .collect();
    let body = bodies
        .iter()
        .find(|b| b["messages"][1]["content"].as_str().unwrap().contains("r1"))
        .unwrap();
    assert_eq!(
        *body,
        json!({
            "model": "m", "temperature": 0.0, "stream": false, "max_tokens": 9,
            "messages": [
                {"role": "system", "content": "Be strict."},
                {"role": "user", "content": "1+1= | r1 | 2\nEnd with: grade N"},
            ],
        })
    );
}

#[test]
fn mistakes_in_template_and_rule_are_found_before_a_run() {
    let check = |change: &dyn Fn(&mut JudgeSettings)| {
        let mut settings = settings("http://127.0.0.1:9");
        change(&mut settings);
        let e = settings.check().unwrap_err();
        assert!(e.is_bad_input());
        e.to_string()
    };
    let e = check(&|s| s.prompt = "{{ respnse }}".into());
    assert!(e.contains("prompt") && e.contains("the fields are"), "{e}");
    assert!(check(&|s| s.prompt = "{{ response".into()).contains("prompt"));
    assert!(check(&|s| s.pattern = "(".into()).contains("pattern"));
    assert!(check(&|s| s.pattern = "(a)(b)".into()).contains("more than one group"));
    assert!(check(&|s| s.words = [("yes".into(), f64::NAN)].into()).contains("words"));
    assert!(check(&|s| s.endpoint.url = "nowhere".into()).contains("url"));
    settings("http://127.0.0.1:9").check().unwrap();
}
