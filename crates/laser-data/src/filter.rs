//! Problems that cannot be used.

use crate::report::SplitReport;
use crate::{DataError, Problem, Wanted};

/// Counts the tokens of a problem's prompt.
pub(crate) type Count<'a> =
    &'a dyn Fn(&Problem) -> Result<usize, Box<dyn std::error::Error + Send + Sync>>;

/// Leaves out what asks nothing, lacks what is wanted, or is longer than `max_prompt_tokens` (0 for
/// no bound), and says so in the report.
pub(crate) fn filter(
    problems: Vec<Problem>,
    wanted: Wanted,
    max_prompt_tokens: usize,
    count: Count<'_>,
    report: &mut SplitReport,
) -> Result<Vec<Problem>, DataError> {
    let mut kept = Vec::with_capacity(problems.len());
    for problem in problems {
        let left_out = if problem.prompt.texts().all(|text| text.trim().is_empty()) {
            Some(&mut report.empty_prompt)
        } else if wanted.answer && problem.answer.is_none() {
            Some(&mut report.missing_answer)
        } else if wanted.response && problem.response.is_none() {
            Some(&mut report.missing_response)
        } else if max_prompt_tokens > 0 && tokens(&problem, count)? > max_prompt_tokens {
            Some(&mut report.too_long)
        } else {
            None
        };
        match left_out {
            Some(places) => places.add(&problem.place),
            None => kept.push(problem),
        }
    }
    Ok(kept)
}

fn tokens(problem: &Problem, count: Count<'_>) -> Result<usize, DataError> {
    count(problem).map_err(|source| DataError::Count {
        place: problem.place.clone(),
        source,
    })
}
