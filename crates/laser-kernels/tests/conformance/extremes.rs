//! Large numbers stay finite, and a NaN is never hidden.

use laser_kernels::{Backend, NormLayout, reference};

use crate::common::*;

on_every_backend! {
    swiglu_of_huge_gates_is_finite_and_equals_the_reference
    swiglu_is_accurate_over_the_whole_range_of_gates
    logits_stats_of_huge_logits_are_finite_and_equal_the_reference
    attention_with_huge_scores_is_finite_and_equals_the_reference
    nan_in_a_norm_comes_out
    nan_in_swiglu_comes_out
    nan_among_logits_comes_out
    nan_in_the_head_comes_out
    nan_in_a_query_or_key_comes_out_of_attention
}

fn swiglu_of_huge_gates_is_finite_and_equals_the_reference<B: Backend>(b: &B) {
    let gates = [
        -1e4, -1e3, -90.0, -88.0, -87.0, 0.0, -0.0, 87.0, 88.0, 90.0, 1e4,
    ];
    for gate in gates {
        let (gate_up, out) = ([gate, 3.0], swiglu(b, 1, &[gate, 3.0]));
        assert_close("swiglu", &out, &reference::swiglu(1, &wide(&gate_up)), 1e-6);
        let mut d = unset(b, 2);
        b.swiglu_backward(1, 1, &upload(b, &gate_up), &upload(b, &[2.0]), &mut d);
        let want = gradient(&wide(&gate_up), |g| 2.0 * reference::swiglu(1, g)[0]);
        assert_close("dgate_up", &download(b, &d, 2), &want, 1e-5);
    }
}

fn swiglu_is_accurate_over_the_whole_range_of_gates<B: Backend>(b: &B) {
    let width = 4001;
    let mut gate_up: Vec<f32> = (0..width).map(|i| (i as f32 - 2000.0) * 0.0437).collect();
    gate_up.extend(vec![1.0; width]);
    let (got, want) = (
        swiglu(b, width, &gate_up),
        reference::swiglu(width, &wide(&gate_up)),
    );
    for (i, (&g, &w)) in got.iter().zip(&want).enumerate() {
        // The relative error of e^x in single precision, even where the result is tiny.
        let error = (f64::from(g) - w).abs();
        assert!(
            error <= 1e-6 * w.abs() + 1e-36,
            "silu({}) is {g}, should be {w}",
            gate_up[i]
        );
    }
}

fn logits_stats_of_huge_logits_are_finite_and_equal_the_reference<B: Backend>(b: &B) {
    for vocab in [1, 16, 17, 33, 768] {
        let mut one_huge = vec![0.0; vocab];
        one_huge[vocab / 2] = 1e4;
        let mut one_tiny = vec![2.0; vocab];
        one_tiny[vocab - 1] = -1e4;
        let spread = (0..vocab)
            .map(|i| if i % 2 == 0 { 1e4 } else { -1e4 })
            .collect();
        for logits in [
            vec![1e4; vocab],
            vec![-1e4; vocab],
            vec![0.0; vocab],
            one_huge,
            one_tiny,
            spread,
        ] {
            let (lse, entropy) = logits_stats(b, &logits, vocab);
            let logits = wide(&logits);
            assert_close("lse", &lse, &[reference::log_sum_exp(&logits)], 1e-6);
            assert_close("entropy", &entropy, &[reference::entropy(&logits)], 1e-6);
        }
    }
}

fn attention_with_huge_scores_is_finite_and_equals_the_reference<B: Backend>(b: &B) {
    let (shape, segments) = (shape(2, 1, 8), ragged(&[37]));
    // Powers of two: the scores, of up to 10^5, are exact.
    let qkv: Vec<f32> = Numbers::new(30)
        .floats(37 * shape.qkv_width())
        .iter()
        .map(|x| if *x < 0.0 { -128.0 } else { 256.0 })
        .collect();
    let (out, lse) = attention(b, shape, &qkv, &segments);
    let want = reference::attention(shape, &wide(&qkv), &segments);
    assert_close("out", &out, &want.out, 1e-6);
    assert_close("lse", &lse, &want.lse, 1e-6);
}

fn nan_in_a_norm_comes_out<B: Backend>(b: &B) {
    let mut x = Numbers::new(31).floats(3 * 33);
    x[33 + 20] = f32::NAN;
    let (y, inv) = rms_norm(b, NormLayout::rows(33), &x, &[1.0; 33], 1e-6);
    assert!(y[33..66].iter().all(|v| v.is_nan()) && inv[1].is_nan());
    assert!(
        y[..33].iter().chain(&y[66..]).all(|v| v.is_finite()),
        "in its own row only"
    );
}

fn nan_in_swiglu_comes_out<B: Backend>(b: &B) {
    let out = swiglu(b, 2, &[f32::NAN, 1.0, 1.0, f32::NAN]);
    assert!(out.iter().all(|v| v.is_nan()), "{out:?}");
    let mut d = b.zeros(4);
    b.swiglu_backward(
        1,
        2,
        &upload(b, &[f32::NAN, 1.0, 1.0, 1.0]),
        &upload(b, &[1.0, 1.0]),
        &mut d,
    );
    let d = download(b, &d, 4);
    assert!(
        d[0].is_nan() && d[2].is_nan() && d[1].is_finite() && d[3].is_finite(),
        "{d:?}"
    );
}

fn nan_among_logits_comes_out<B: Backend>(b: &B) {
    for vocab in [1, 16, 17, 33, 768] {
        for at in [0, vocab / 2, vocab - 1] {
            let mut logits = vec![0.5; vocab];
            logits[at] = f32::NAN;
            let (lse, entropy) = logits_stats(b, &logits, vocab);
            assert!(
                lse[0].is_nan() && entropy[0].is_nan(),
                "id {at} of {vocab}: {lse:?} {entropy:?}"
            );
        }
        let (lse, entropy) = logits_stats(b, &vec![f32::NAN; vocab], vocab);
        assert!(
            lse[0].is_nan() && entropy[0].is_nan(),
            "all of {vocab}: {lse:?} {entropy:?}"
        );
    }
}

fn nan_in_the_head_comes_out<B: Backend>(b: &B) {
    let mut numbers = Numbers::new(32);
    let (w, mut hidden) = (numbers.floats(33 * 7), numbers.floats(3 * 7));
    hidden[7 + 2] = f32::NAN;
    let head = head_gather(b, &hidden, &w, 7, &[5, 5, 5]);
    for values in [&head.logp, &head.entropy, &head.lse] {
        assert_eq!(
            values.iter().map(|v| v.is_nan()).collect::<Vec<_>>(),
            [false, true, false]
        );
    }
}

fn nan_in_a_query_or_key_comes_out_of_attention<B: Backend>(b: &B) {
    let (shape, segments) = (shape(2, 1, 8), ragged(&[5, 40]));
    let clean = Numbers::new(33).floats(45 * shape.qkv_width());
    let row = |v: &[f32], t: usize| v[t * 16..(t + 1) * 16].to_vec();
    let at = 5 + 20;
    // First head's query: its row, first head.
    let mut qkv = clean.clone();
    qkv[at * shape.qkv_width()] = f32::NAN;
    let (out, lse) = attention(b, shape, &qkv, &segments);
    assert!(row(&out, at)[..8].iter().all(|v| v.is_nan()) && lse[2 * at].is_nan());
    assert_eq!(out.iter().filter(|v| v.is_nan()).count(), 8, "nowhere else");
    // Key: its row and all later ones of the segment.
    let mut qkv = clean;
    qkv[at * shape.qkv_width() + 16] = f32::NAN;
    let (out, lse) = attention(b, shape, &qkv, &segments);
    for t in 0..45 {
        let nan = t >= at;
        assert!(row(&out, t).iter().all(|v| v.is_nan() == nan), "row {t}");
        assert!(
            lse[2 * t..2 * t + 2].iter().all(|v| v.is_nan() == nan),
            "lse {t}"
        );
    }
}
