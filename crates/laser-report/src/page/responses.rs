//! A fixed sample of test responses: right and wrong, over the whole range of scores.

use crate::data::Response;
use crate::html::{escape, fixed};

/// Responses shown.
const SHOWN: usize = 20;
/// Characters kept of a long text: its start, and its end where the answer stands.
const HEAD: usize = 1_500;
const TAIL: usize = 2_500;

/// The section with the sampled responses.
pub fn responses(all: &[Response]) -> String {
    let chosen = choose(all);
    let scored = all.is_empty() || all.iter().any(|r| r.self_reward.is_some());
    let how = if scored {
        "by rank of self-reward, "
    } else {
        ""
    };
    let body = if chosen.is_empty() {
        "<p class=\"none\">The run has no judged responses in results.jsonl.</p>\n".to_owned()
    } else {
        let cards: String = chosen.into_iter().map(|r| card(r, scored)).collect();
        format!("<div id=\"samples\">\n{cards}</div>\n")
    };
    format!(
        "<section id=\"responses\">\n<h2>Sampled responses</h2>\n<p class=\"lead\">Chosen {how}evenly \
         over right and wrong responses; not by hand.</p>\n{body}</section>\n"
    )
}

/// Half right and half wrong where there are enough, each evenly spread over its scores.
fn choose(all: &[Response]) -> Vec<&Response> {
    let judged = |right: bool| {
        let mut class: Vec<&Response> = all.iter().filter(|r| r.correct == Some(right)).collect();
        class.sort_by(|a, b| by_score(a, b));
        class
    };
    let (right, wrong) = (judged(true), judged(false));
    let of_right = right.len().min(SHOWN - wrong.len().min(SHOWN / 2));
    let of_wrong = wrong.len().min(SHOWN - of_right);
    let mut chosen = spread(&right, of_right);
    chosen.extend(spread(&wrong, of_wrong));
    chosen.sort_by(|a, b| by_score(a, b));
    chosen
}

/// Highest score first, unscored last, then the file's order.
fn by_score(a: &Response, b: &Response) -> std::cmp::Ordering {
    let score = |r: &Response| r.self_reward.unwrap_or(f64::NEG_INFINITY);
    score(b).total_cmp(&score(a)).then(a.index.cmp(&b.index))
}

/// `n` items at even distances, the first and the last among them.
fn spread<'a>(sorted: &[&'a Response], n: usize) -> Vec<&'a Response> {
    let last = sorted.len().saturating_sub(1);
    (0..n)
        .map(|i| sorted[if n > 1 { i * last / (n - 1) } else { last / 2 }])
        .collect()
}

fn card(response: &Response, scored: bool) -> String {
    let right = response.correct == Some(true);
    let agrees = response.self_reward.map(|s| (s > 0.5) == right);
    let text = |t: &Option<String>| escape(t.as_deref().unwrap_or("—")).into_owned();
    let facts = [
        ("gold", text(&response.gold)),
        ("extracted", text(&response.extracted)),
        (
            "length",
            response
                .length
                .map_or("—".to_owned(), |l| format!("{} tokens", fixed(l, 0))),
        ),
        ("finish", text(&response.finish)),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"))
        .collect();
    format!(
        "<article class=\"sample\" data-right=\"{right}\" data-agrees=\"{agrees}\" data-score=\"{score}\" \
         data-length=\"{length}\" data-index=\"{index}\">\n<div class=\"head\"><span class=\"mark {class}\">{mark}</span>\
         {bar}</div>\n<h4>Prompt</h4>\n<pre>{prompt}</pre>\n<h4>Response</h4>\n<pre>{answer}</pre>\n\
         <dl class=\"facts\">{facts}</dl>\n</article>\n",
        agrees = agrees.map_or("unknown", |a| if a { "true" } else { "false" }),
        score = response.self_reward.unwrap_or(-1e9),
        length = response.length.unwrap_or(0.0),
        index = response.index,
        class = if right { "better" } else { "worse" },
        mark = if right { "✓ right" } else { "✗ wrong" },
        bar = match scored {
            true => score_bar(response.self_reward, agrees),
            false => String::new(),
        },
        prompt = shortened(response.prompt.as_deref().unwrap_or("—"), response.index),
        answer = shortened(response.response.as_deref().unwrap_or("—"), response.index),
    )
}

/// The self-reward as a bar from 0 to 1 with the threshold marked.
fn score_bar(score: Option<f64>, agrees: Option<bool>) -> String {
    let Some(score) = score else {
        return "<span class=\"score\">no self-reward</span>".to_owned();
    };
    let class = if score > 0.5 { "c1" } else { "c2" };
    let words = match agrees {
        Some(true) => "agrees with the verifier",
        _ => "disagrees with the verifier",
    };
    format!(
        "<span class=\"score\">self-reward <b>{}</b> <svg viewBox=\"0 0 120 14\" role=\"img\" \
         aria-label=\"self-reward on a scale from 0 to 1\"><rect class=\"track\" y=\"3\" width=\"120\" height=\"8\" rx=\"4\"/>\
         <rect class=\"bar {class}\" y=\"3\" width=\"{}\" height=\"8\" rx=\"4\"/>\
         <path class=\"cut\" d=\"M60 0V14\"/></svg> <span class=\"verdict\">{words}</span></span>",
        fixed(score, 2),
        crate::svg::coordinate(score.clamp(0.0, 1.0) * 120.0)
    )
}

/// The text, escaped; the middle of a very long one is left out, and that is said.
fn shortened(text: &str, index: usize) -> String {
    let length = text.chars().count();
    if length <= HEAD + TAIL + 200 {
        return escape(text).into_owned();
    }
    let cut = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    format!(
        "{}\n<i>… {} characters left out; all of it is in results.jsonl, response {} …</i>\n{}",
        escape(&text[..cut(HEAD)]),
        length - HEAD - TAIL,
        index + 1,
        escape(&text[cut(length - TAIL)..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(right: usize, wrong: usize) -> Vec<Response> {
        (0..right + wrong)
            .map(|index| Response {
                index,
                correct: Some(index < right),
                self_reward: Some((index as f64 * 0.37).sin()),
                ..Response::default()
            })
            .collect()
    }

    fn counts(right: usize, wrong: usize) -> (usize, usize) {
        let all = run(right, wrong);
        let chosen = choose(&all);
        let hits = chosen.iter().filter(|r| r.correct == Some(true)).count();
        (hits, chosen.len() - hits)
    }

    #[test]
    fn both_classes_are_shown_and_a_short_one_is_filled_up_by_the_other() {
        assert_eq!(counts(100, 100), (10, 10));
        assert_eq!(counts(100, 3), (17, 3));
        assert_eq!(counts(2, 100), (2, 18));
        assert_eq!(counts(0, 0), (0, 0));
        assert_eq!(counts(4, 5), (4, 5));
    }

    #[test]
    fn no_response_is_shown_twice_and_the_extremes_are_shown() {
        let all = run(40, 40);
        let chosen = choose(&all);
        let mut seen: Vec<usize> = chosen.iter().map(|r| r.index).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), SHOWN);
        let top = all.iter().max_by(|a, b| by_score(b, a)).unwrap();
        assert_eq!(chosen[0].index, top.index);
    }

    #[test]
    fn the_middle_of_a_long_response_is_left_out_and_its_end_is_kept() {
        let text = "é".repeat(9_000) + "<answer>";
        let short = shortened(&text, 4);
        assert!(short.contains("response 5") && short.ends_with("&lt;answer&gt;"));
        assert!(short.chars().count() < 4_200);
    }
}
