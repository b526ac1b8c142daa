//! A page of plots without a run.

use super::{STYLE, grid};
use crate::html::escape;
use crate::plots::{Chart, chart};

/// A self-contained page of plots; `lead` is a sentence under the title.
pub fn charts_page(title: &str, lead: &str, charts: &[Chart]) -> String {
    let figures: Vec<String> = charts
        .iter()
        .enumerate()
        .map(|(i, c)| chart(&format!("chart-{}", i + 1), c))
        .collect();
    let (title, lead) = (escape(title), escape(lead));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n</header>\n<main>\n<section>\n<p class=\"lead\">{lead}</p>\n\
         {}</section>\n</main>\n</body>\n</html>\n",
        grid("halves", &figures)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::{Curve, CurvePoint};

    #[test]
    fn every_point_is_drawn_with_its_numbers_and_names_are_escaped() {
        let point = |x, value| CurvePoint {
            x,
            value,
            interval: Some((value - 0.1, value + 0.1)),
        };
        let page = charts_page(
            "a < b",
            "lead",
            &[Chart {
                title: "Accuracy".into(),
                x: "responses k".into(),
                doubling: true,
                y: "%".into(),
                curves: vec![Curve {
                    name: "A & B".into(),
                    points: vec![point(1.0, 0.5), point(2.0, 0.625)],
                }],
            }],
        );
        for part in [
            "a &lt; b",
            "A &amp; B, responses k 2: 62.5\u{a0}% [52.5, 72.5]",
            "id=\"chart-1\"",
        ] {
            assert!(page.contains(part), "'{part}' is missing in: {page}");
        }
        assert_eq!(page.matches("<g class=\"marker c1 bold\"><path").count(), 3);
        assert!(!page.contains("http"));
    }
}
