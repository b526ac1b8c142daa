//! Self-distillation against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    divergence: Divergence,
    support: String,
    cap: f64,
    beta: f64,
    student: Vec<Vec<f32>>,
    teacher: Vec<Vec<f32>>,
    drawn: Vec<u32>,
    ids: Vec<Vec<u32>>,
    old: Vec<f32>,
    entropy: Vec<f32>,
    weights: Vec<f64>,
    loss: f64,
    dlogits: Vec<Vec<f64>>,
}

#[test]
fn distillation_losses_and_their_gradients_by_the_logits_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/distillation.json")) {
        let rule = Distillation {
            divergence: c.divergence,
            support: match c.support.as_str() {
                "tail" => Support::Tail,
                "renormalised" => Support::Renormalised,
                _ => Support::Whole,
            },
            importance_cap: c.cap,
        };
        let weights = dynamic_weights(c.beta, std::slice::from_ref(&c.entropy)).concat();
        assert_close(&c.name, &weights, &c.weights);
        let (mut ids, mut student, mut teacher) = (Vec::new(), Vec::new(), Vec::new());
        for (t, drawn) in c.drawn.iter().enumerate() {
            let k = c.ids[t].len();
            assert_eq!(likeliest(&c.student[t], k), c.ids[t], "{}", c.name);
            for id in [*drawn].into_iter().chain(c.ids[t].iter().copied()) {
                ids.push(id);
                student.push(c.student[t][id as usize]);
                teacher.push(c.teacher[t][id as usize]);
            }
        }
        let lesson = Lesson {
            student: &student,
            teacher: &teacher,
            old: &c.old,
            weights: &weights,
        };
        let mut d = vec![0.0; ids.len()];
        let loss = rule.apply(&lesson, 1.0 / c.drawn.len() as f64, &mut d);
        let error = (loss - c.loss).abs();
        assert!(error < 1e-6, "{}: {loss} {}", c.name, c.loss);
        let width = ids.len() / c.drawn.len();
        for (t, expected) in c.dlogits.iter().enumerate() {
            let (own, d) = (&ids[t * width..][..width], &d[t * width..][..width]);
            let total: f64 = d.iter().map(|d| f64::from(*d)).sum();
            for (v, expected) in expected.iter().enumerate() {
                let direct = own.iter().zip(d).filter(|(id, _)| **id == v as u32);
                let direct: f64 = direct.map(|(_, d)| f64::from(*d)).sum();
                let found = direct - f64::from(c.student[t][v]).exp() * total;
                let error = (found - expected).abs();
                assert!(error < 1e-6, "{} {t} {v}: {found} {expected}", c.name);
            }
        }
    }
}
