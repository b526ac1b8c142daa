//! The columns of the formats that need none to be named.

use crate::Format;

/// The names that a column may have; the first one that a row has a value under counts.
pub(super) struct Layout {
    pub(super) prompt: &'static [&'static str],
    pub(super) answer: &'static [&'static str],
    pub(super) response: &'static [&'static str],
    pub(super) source: &'static [&'static str],
    pub(super) level: &'static [&'static str],
}

/// A format's columns. Several names where copies of the same data set differ.
pub(super) fn layout(format: Format) -> Layout {
    match format {
        Format::Columns => Layout {
            prompt: &["prompt"],
            answer: &["answer"],
            response: &["response"],
            source: &["source"],
            level: &["level"],
        },
        Format::Gsm8k => Layout {
            prompt: &["question"],
            answer: &["answer"],
            response: &[],
            source: &[],
            level: &[],
        },
        Format::Math500 => Layout {
            prompt: &["problem"],
            answer: &["answer"],
            response: &["solution"],
            source: &[],
            level: &["level"],
        },
        Format::Aime | Format::Amc => Layout {
            prompt: &["problem", "Problem", "question"],
            answer: &["answer", "Answer"],
            response: &["solution", "Solution"],
            source: &[],
            level: &[],
        },
        Format::Olympiadbench => Layout {
            prompt: &["question", "problem"],
            answer: &["final_answer", "answer"],
            response: &["solution"],
            source: &[],
            level: &["difficulty"],
        },
        Format::Deepmath => Layout {
            prompt: &["question"],
            answer: &["final_answer"],
            response: &["r1_solution_1", "r1_solution_2", "r1_solution_3"],
            source: &[],
            level: &["difficulty"],
        },
        Format::Verl => Layout {
            prompt: &["prompt"],
            answer: &["reward_model.ground_truth"],
            response: &[],
            source: &["data_source"],
            level: &["extra_info.level", "extra_info.difficulty"],
        },
    }
}
