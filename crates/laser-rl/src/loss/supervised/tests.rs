use super::*;
use approx::assert_relative_eq;

fn shaped(beta: f64, near: f64, far: f64, top_k: usize) -> ShapedNll {
    ShapedNll {
        beta,
        near,
        far,
        top_k,
    }
}

/// r of a target with probability π.
fn reward(beta: f64, p: f64) -> f64 {
    shaped(beta, 0.0, 0.0, 0).weight(p.ln()) / p
}

#[test]
fn the_reward_of_a_target_of_one_half_is_the_worked_one() {
    for (beta, expected) in [(-0.25, 2.2803), (0.0, 2.0), (0.5, 1.6325)] {
        assert_relative_eq!(reward(beta, 0.5), expected, epsilon = 5e-5);
    }
}

#[test]
fn the_reward_goes_to_one_as_the_target_becomes_certain() {
    for beta in [-0.9f64, -0.25, 0.0, 0.5, 2.0] {
        // The slowest of them: 1 + (1−π)^(1+β), whose exponent is a tenth.
        let gap = 1e-12f64;
        let bound = 2.0 * gap.powf(1.0 + beta.min(0.0)) + 1e-9;
        assert!((reward(beta, 1.0 - gap) - 1.0).abs() < bound, "{beta}");
        assert_eq!(shaped(beta, 0.0, 0.0, 0).weight(0.0), 1.0);
        assert_eq!(shaped(beta, 0.0, 0.0, 0).weight(1e-8), 1.0);
    }
}

#[test]
fn without_rewards_of_its_own_it_is_the_cross_entropy_to_the_bit() {
    let logp = [-0.5f32, -1e-7, -9.25, 0.0];
    let (mut plain, mut other) = ([0.25f32; 4], [0.25f32; 4]);
    let loss = nll(&logp, 0.3, &mut plain);
    let same = SupervisedLoss::Shaped(shaped(0.0, 0.0, 0.0, 100));
    assert_eq!(same.likeliest(), 0);
    assert_eq!(same.apply(&[1, 2, 3, 4], &logp, 4, 0.3, &mut other), loss);
    assert_eq!(plain, other);
}

/// log-softmax in f64.
fn log_softmax(z: &[f64]) -> Vec<f64> {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lse = max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
    z.iter().map(|z| z - lse).collect()
}

#[test]
fn the_gradient_by_the_logits_is_that_of_the_expected_reward() {
    let z = [0.3, -1.2, 2.0, 0.9, -0.4];
    let logp = log_softmax(&z);
    let p: Vec<f64> = logp.iter().map(|l| l.exp()).collect();
    // The two likeliest are 2 and 3; the target once among them, once not.
    for (target, near_ids) in [(2u32, vec![3usize]), (0, vec![2, 3])] {
        let loss = shaped(-0.25, 0.1, -0.2, 2);
        let ids = [target, 2, 3];
        let row: Vec<f32> = ids.iter().map(|i| logp[*i as usize] as f32).collect();
        let mut d = [0.0; 3];
        SupervisedLoss::Shaped(loss).apply(&ids, &row, 1, 1.0, &mut d);
        let r: Vec<f64> = (0..5)
            .map(|v| match v {
                _ if v == target as usize => loss.weight(logp[v]) / p[v],
                _ if near_ids.contains(&v) => 0.1,
                _ => -0.2,
            })
            .collect();
        let mean: f64 = p.iter().zip(&r).map(|(p, r)| p * r).sum();
        let total: f64 = d.iter().map(|d| f64::from(*d)).sum();
        for v in 0..5 {
            let own = ids.iter().zip(d).filter(|(id, _)| **id == v as u32);
            let own: f64 = own.map(|(_, d)| f64::from(d)).sum();
            assert_relative_eq!(own - p[v] * total, -p[v] * (r[v] - mean), epsilon = 1e-6);
        }
    }
}

#[test]
fn with_every_id_among_the_likeliest_nothing_is_far() {
    let row = [-0.7f32, -1.5];
    let (mut all, mut none) = ([0.0; 2], [0.0; 2]);
    let loss = |k, far, d: &mut [f32]| {
        SupervisedLoss::Shaped(shaped(0.5, 0.1, far, k)).apply(&[1, 2], &row, 2, 1.0, d)
    };
    assert_eq!(loss(0, -3.0, &mut all), loss(100, 0.1, &mut none));
    assert_eq!(all, none);
    assert_eq!(shaped(0.5, 0.1, -3.0, 0).likeliest(), 0);
}

#[test]
fn settings_outside_their_ranges_are_named() {
    for (loss, key) in [
        (shaped(-1.0, 0.0, 0.0, 1), "shaped.beta = -1"),
        (shaped(f64::NAN, 0.0, 0.0, 1), "shaped.beta"),
        (shaped(0.0, f64::INFINITY, 0.0, 1), "shaped.near = inf"),
        (shaped(0.0, 0.0, f64::NAN, 1), "shaped.far"),
    ] {
        let error = SupervisedLoss::Shaped(loss).validate().unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}
