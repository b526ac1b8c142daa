//! GSM8K's solutions: steps with calculator annotations, and the answer after `####`.

const MARK: &str = "####";

/// The solution without its calculator annotations, and the answer after the last `####`, as
/// written there; `None` without the mark or without an answer after it.
pub(crate) fn split(solution: &str) -> Option<(String, String)> {
    let (_, answer) = solution.rsplit_once(MARK)?;
    let answer = answer.trim();
    (!answer.is_empty()).then(|| (without_annotations(solution), answer.to_owned()))
}

/// Removes `<<48/2=24>>`. What opens and is not closed within its line stays.
fn without_annotations(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        kept.push_str(before);
        let closed = after.split_once(">>");
        match closed.filter(|(inside, _)| !inside.contains('\n')) {
            Some((_, behind)) => rest = behind,
            None => {
                kept.push_str("<<");
                rest = after;
            }
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_go_and_the_answer_stays_as_written() {
        let (response, answer) =
            split("He pays 3*$360=$<<3*360=1080>>1,080.\nSo 1 << 2 is fine.\n#### $1,080 ")
                .unwrap();
        assert_eq!(
            response,
            "He pays 3*$360=$1,080.\nSo 1 << 2 is fine.\n#### $1,080 "
        );
        assert_eq!(answer, "$1,080");
    }

    #[test]
    fn the_last_mark_counts_and_without_one_there_is_no_answer() {
        assert_eq!(split("#### 1\n#### 2").unwrap().1, "2");
        assert_eq!(split("A: 18"), None);
        assert_eq!(split("steps\n#### "), None);
    }
}
