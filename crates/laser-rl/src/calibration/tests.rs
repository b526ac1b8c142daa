use super::*;

fn judged(score: f32, correct: bool) -> Judged {
    Judged {
        score,
        correct,
        length: 1,
    }
}

#[test]
fn the_histogram_counts_by_class_with_outliers_in_the_end_bins() {
    let samples = [
        judged(-9.0, false),
        judged(f32::NEG_INFINITY, false),
        judged(-0.45, false),
        judged(0.05, true),
        judged(1.5, true),
        judged(f32::INFINITY, true),
    ];
    let h = calibration(&samples, 15).histogram;
    let at = |bin: usize, n: usize| {
        let mut counts = vec![0; 20];
        counts[bin] = n;
        counts
    };
    assert_eq!(h.incorrect, at(0, 3));
    assert_eq!(h.correct[5], 1);
    assert_eq!(h.correct[19], 2);
    assert_eq!(h.correct.iter().sum::<usize>(), 3);
}

#[test]
fn the_json_has_the_names_the_report_reads_and_round_trips() {
    let c = calibration(&[judged(0.75, true)], 2);
    let json = serde_json::to_value(&c).unwrap();
    assert_eq!(
        json["bins"],
        serde_json::json!([
            {"low": 0.0, "high": 0.5, "count": 0, "mean_score": null, "accuracy": null},
            {"low": 0.5, "high": 1.0, "count": 1, "mean_score": 0.75, "accuracy": 1.0},
        ])
    );
    let names: Vec<&String> = json["histogram"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["correct", "high", "incorrect", "low"]);
    assert_eq!(
        (&json["histogram"]["low"], &json["histogram"]["high"]),
        (&(-0.5).into(), &1.5.into())
    );
    assert_eq!(serde_json::from_value::<Calibration>(json).unwrap(), c);
}
