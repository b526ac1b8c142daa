//! Results equal the `f64` reference.

use laser_kernels::{AdamW, Backend, NormLayout, reference};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::common::*;

on_every_backend! {
    buffers_keep_what_is_uploaded
    embed_copies_the_rows_of_the_table
    rows_are_gathered_and_scattered_back
    columns_are_copied_and_numbers_scaled
    a_row_packed_anew_gives_the_bits_of_a_whole_packing
    linear_equals_the_reference
    linear_equals_the_reference_at_any_shape
    rms_norm_equals_the_reference
    rms_norm_of_heads_equals_the_reference
    rope_equals_the_reference_and_undo_inverts_it
    attention_equals_the_reference
    attention_of_families_equals_the_reference
    attention_equals_the_reference_on_any_ragged_batch
    swiglu_equals_the_reference
    logits_stats_equal_the_reference
    head_gather_equals_the_reference
    adamw_equals_the_reference_over_many_steps
    sum_of_squares_equals_the_reference
}

/// `(rows, outputs, inputs)`: single rows, rows that fill no tile, all widths, and an inner length
/// beyond a cache block.
pub const LINEAR_SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (1, 33, 130),
    (3, 130, 7),
    (5, 7, 16),
    (9, 33, 33),
    (67, 16, 1),
    (13, 1, 33),
    (2, 5, 600),
    (150, 34, 17),
];

/// `(vocab, width, rows, ids per row)`.
pub const HEAD_SHAPES: [(usize, usize, usize, usize); 5] = [
    (1, 7, 2, 1),
    (17, 16, 5, 3),
    (33, 7, 9, 1),
    (33, 1, 1, 3),
    (768, 4, 3, 3),
];

fn buffers_keep_what_is_uploaded<B: Backend>(b: &B) {
    let values = Numbers::new(1).floats(70_001);
    let mut buffer = upload(b, &values);
    let mut copy = b.zeros(3);
    b.copy(&buffer, &mut copy);
    assert_same_bits("copy", &download(b, &copy, values.len()), &values);
    b.fill_zero(&mut buffer);
    assert_same_bits(
        "zeros",
        &download(b, &buffer, values.len()),
        &vec![0.0; values.len()],
    );
    b.resize(&mut copy, 5);
    b.upload(&values[..5], &mut copy);
    assert_same_bits("upload", &download(b, &copy, 5), &values[..5]);
    assert_same_bits("zeros", &download(b, &b.zeros(33), 33), &[0.0; 33]);
}

fn embed_copies_the_rows_of_the_table<B: Backend>(b: &B) {
    for width in [1, 7, 16, 33, 130] {
        let mut numbers = Numbers::new(2);
        let (table, ids) = (numbers.floats(19 * width), numbers.ids(150, 19));
        let mut out = unset(b, ids.len() * width);
        b.embed(&upload(b, &table), width, &ids, &mut out);
        let want = reference::embed(&wide(&table), width, &ids);
        assert_close("embed", &download(b, &out, ids.len() * width), &want, 0.0);
    }
}

fn columns_are_copied_and_numbers_scaled<B: Backend>(b: &B) {
    for (rows, width, columns) in [(1, 1, 0..1), (150, 7, 2..5), (9, 130, 33..130)] {
        let values = Numbers::new(3).floats(rows * width);
        let mut out = unset(b, 1);
        b.copy_columns(rows, width, columns.clone(), &upload(b, &values), &mut out);
        let want: Vec<f32> = values
            .chunks(width)
            .flat_map(|row| row[columns.clone()].to_vec())
            .collect();
        assert_same_bits("columns", &download(b, &out, want.len()), &want);
        b.scale(&mut out, 0.3);
        let want: Vec<f32> = want.iter().map(|x| x * 0.3).collect();
        assert_same_bits("scaled", &download(b, &out, want.len()), &want);
    }
}

fn a_row_packed_anew_gives_the_bits_of_a_whole_packing<B: Backend>(b: &B) {
    for (rows, outputs, inputs) in LINEAR_SHAPES {
        let mut numbers = Numbers::new(4);
        let (mut w, x) = (
            numbers.floats(outputs * inputs),
            numbers.floats(rows * inputs),
        );
        let dy = numbers.floats(rows * outputs);
        let [x, dy] = [&x, &dy].map(|v| upload(b, v));
        let products = |w: &B::Packed| {
            let (mut y, mut dx) = (unset(b, rows * outputs), unset(b, rows * inputs));
            b.linear(rows, &x, w, None, &mut y, false);
            b.linear_backward_input(rows, &dy, w, &mut dx, false);
            [
                download(b, &y, rows * outputs),
                download(b, &dx, rows * inputs),
            ]
        };
        let mut repacked = packed(b, &w, outputs, inputs);
        let row = outputs - 1;
        numbers
            .floats(inputs)
            .swap_with_slice(&mut w[row * inputs..]);
        b.pack_row(&upload(b, &w), row, &mut repacked);
        assert_eq!(
            products(&repacked),
            products(&packed(b, &w, outputs, inputs))
        );
    }
}

fn rows_are_gathered_and_scattered_back<B: Backend>(b: &B) {
    for width in [1, 7, 33, 130] {
        let mut numbers = Numbers::new(3);
        let (from, rows) = (numbers.floats(11 * width), [10, 0, 4, 4, 9]);
        let mut gathered = unset(b, rows.len() * width);
        b.gather_rows(width, &upload(b, &from), &rows, &mut gathered);
        let gathered_host = download(b, &gathered, rows.len() * width);
        let want = reference::embed(&wide(&from), width, &rows);
        assert_close("gather_rows", &gathered_host, &want, 0.0);

        let before = numbers.floats(11 * width);
        let mut to = upload(b, &before);
        b.scatter_add_rows(width, &gathered, &rows, &mut to);
        let mut want_to = wide(&before);
        reference::scatter_add_rows(&want, width, &rows, &mut want_to);
        assert_close(
            "scatter_add_rows",
            &download(b, &to, 11 * width),
            &want_to,
            2e-7,
        );
    }
}

fn check_linear<B: Backend>(b: &B, (rows, outputs, inputs): (usize, usize, usize)) {
    let mut numbers = Numbers::new(4);
    let (x, w) = (
        numbers.floats(rows * inputs),
        numbers.floats(outputs * inputs),
    );
    let (bias, before) = (numbers.floats(outputs), numbers.floats(rows * outputs));
    let what = format!("linear {rows}x{outputs}x{inputs}");
    // Rounding errors of a chain of sums grow like its random walk.
    let tolerance = 1e-6 * (inputs as f64).sqrt();
    let want = reference::linear(&wide(&x), &wide(&w), outputs, inputs, None);
    assert_close(
        &what,
        &linear(b, &x, &w, outputs, inputs, None),
        &want,
        tolerance,
    );
    let biased = reference::linear(&wide(&x), &wide(&w), outputs, inputs, Some(&wide(&bias)));
    assert_close(
        &what,
        &linear(b, &x, &w, outputs, inputs, Some(&bias)),
        &biased,
        tolerance,
    );

    let mut y = upload(b, &before);
    let (x, w) = (upload(b, &x), packed(b, &w, outputs, inputs));
    b.linear(rows, &x, &w, Some(&upload(b, &bias)), &mut y, true);
    let y = download(b, &y, rows * outputs);
    assert_close(&what, &y, &sum(&wide(&before), &biased), tolerance);
}

fn linear_equals_the_reference<B: Backend>(b: &B) {
    for shape in LINEAR_SHAPES {
        check_linear(b, shape);
    }
}

/// Few cases: the suite runs often, and the fixed shapes above hold the known edges.
fn cases(n: u32) -> ProptestConfig {
    ProptestConfig {
        cases: n,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    }
}

fn linear_equals_the_reference_at_any_shape<B: Backend>(b: &B) {
    proptest!(cases(16), |(rows in 1usize..90, outputs in 1usize..140, inputs in 1usize..300)| {
        check_linear(b, (rows, outputs, inputs));
    });
}

fn check_rms_norm<B: Backend>(b: &B, layout: NormLayout, rows: usize) {
    let mut numbers = Numbers::new(5);
    let (x, w) = (
        numbers.floats(rows * layout.stride),
        numbers.floats(layout.width),
    );
    for eps in [1e-6, 0.5] {
        let (y, inv) = rms_norm(b, layout, &x, &w, eps);
        let want = reference::rms_norm(layout, rows, &wide(&x), &wide(&w), f64::from(eps));
        assert_close(&format!("y of {layout:?}"), &y, &want.y, 1e-6);
        assert_close(&format!("inv of {layout:?}"), &inv, &want.inv, 1e-6);
    }
}

fn rms_norm_equals_the_reference<B: Backend>(b: &B) {
    for width in [1, 7, 16, 33, 130] {
        for rows in [1, 5, 67] {
            check_rms_norm(b, NormLayout::rows(width), rows);
        }
    }
}

fn rms_norm_of_heads_equals_the_reference<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        for keys in [false, true] {
            check_rms_norm(b, head_norm(shape, keys), 37);
        }
    }
}

fn rope_equals_the_reference_and_undo_inverts_it<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let positions = ragged(&[1, 33, 5]).positions();
        let qkv = Numbers::new(6).floats(positions.len() * shape.qkv_width());
        let table: Vec<f32> = reference::rope_table(shape.head_dim, 40, 1e4)
            .iter()
            .map(|&x| x as f32)
            .collect();
        let want = reference::rope(shape, &wide(&qkv), &positions, &wide(&table), false);
        let table = upload(b, &table);
        let mut buffer = upload(b, &qkv);
        b.rope(shape, &mut buffer, &positions, &table, false);
        assert_close("rope", &download(b, &buffer, qkv.len()), &want, 3e-7);
        b.rope(shape, &mut buffer, &positions, &table, true);
        assert_close(
            "undone rope",
            &download(b, &buffer, qkv.len()),
            &wide(&qkv),
            6e-7,
        );
    }
}

fn attention_equals_the_reference<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let segments = ragged(&[1, 7, 64, 0, 33, 130, 2]);
        let qkv = Numbers::new(7).floats(segments.tokens() * shape.qkv_width());
        let (out, lse) = attention(b, shape, &qkv, &segments);
        let want = reference::attention(shape, &wide(&qkv), &segments);
        assert_close(&format!("out of {shape:?}"), &out, &want.out, 2e-6);
        assert_close(&format!("lse of {shape:?}"), &lse, &want.lse, 2e-6);
    }
}

fn attention_of_families_equals_the_reference<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let segments = families(&[&[5, 3, 70], &[40, 1, 33, 0, 65], &[7], &[64, 2], &[33, 31]]);
        let qkv = Numbers::new(10).floats(segments.tokens() * shape.qkv_width());
        let (out, lse) = attention(b, shape, &qkv, &segments);
        let want = reference::attention(shape, &wide(&qkv), &segments);
        assert_close(&format!("out of {shape:?}"), &out, &want.out, 2e-6);
        assert_close(&format!("lse of {shape:?}"), &lse, &want.lse, 2e-6);
    }
}

fn attention_equals_the_reference_on_any_ragged_batch<B: Backend>(b: &B) {
    let lengths = prop::collection::vec(1usize..80, 1..5);
    proptest!(cases(12), |(lengths in lengths, kv_heads in 1usize..3, group in 1usize..5, half in 1usize..20)| {
        let shape = shape(kv_heads * group, kv_heads, 2 * half);
        let segments = ragged(&lengths);
        // Larger scores than unit numbers give: a sharp softmax.
        let qkv: Vec<f32> = Numbers::new(8)
            .floats(segments.tokens() * shape.qkv_width())
            .iter()
            .map(|x| 4.0 * x)
            .collect();
        let (out, lse) = attention(b, shape, &qkv, &segments);
        let want = reference::attention(shape, &wide(&qkv), &segments);
        assert_close("out", &out, &want.out, 2e-5);
        assert_close("lse", &lse, &want.lse, 5e-6);
    });
}

fn swiglu_equals_the_reference<B: Backend>(b: &B) {
    for width in [1, 7, 16, 33, 130] {
        for rows in [1, 5, 67] {
            let gate_up: Vec<f32> = Numbers::new(9)
                .floats(rows * 2 * width)
                .iter()
                .map(|x| 6.0 * x)
                .collect();
            let want = reference::swiglu(width, &wide(&gate_up));
            assert_close("swiglu", &swiglu(b, width, &gate_up), &want, 1e-6);
        }
    }
}

fn logits_stats_equal_the_reference<B: Backend>(b: &B) {
    for vocab in [1, 17, 33, 768] {
        let logits: Vec<f32> = Numbers::new(10)
            .floats(37 * vocab)
            .iter()
            .map(|x| 8.0 * x)
            .collect();
        let (lse, entropy) = logits_stats(b, &logits, vocab);
        for (r, row) in wide(&logits).chunks(vocab).enumerate() {
            assert_close("lse", &lse[r..=r], &[reference::log_sum_exp(row)], 1e-6);
            assert_close("entropy", &entropy[r..=r], &[reference::entropy(row)], 2e-6);
        }
    }
}

fn head_gather_equals_the_reference<B: Backend>(b: &B) {
    for (vocab, width, rows, k) in HEAD_SHAPES {
        let mut numbers = Numbers::new(11);
        let (hidden, w) = (numbers.floats(rows * width), numbers.floats(vocab * width));
        let mut ids = numbers.ids(rows * k, vocab);
        ids[k - 1] = ids[0];
        let got = head_gather(b, &hidden, &w, width, &ids);
        let want = reference::head_gather(&wide(&hidden), &wide(&w), vocab, width, &ids);
        assert_close("logp", &got.logp, &want.logp, 2e-6);
        assert_close("entropy", &got.entropy, &want.entropy, 2e-6);
        assert_close("lse", &got.lse, &want.lse, 2e-6);
    }
}

fn adamw_equals_the_reference_over_many_steps<B: Backend>(b: &B) {
    let config = AdamW {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.1,
        grad_scale: 0.3,
    };
    for n in [1, 15, 40_001] {
        let mut numbers = Numbers::new(12);
        let start = numbers.floats(n);
        let [mut p, mut m, mut v] = [upload(b, &start), b.zeros(n), b.zeros(n)];
        let [mut want_p, mut want_m, mut want_v] = [wide(&start), vec![0.0; n], vec![0.0; n]];
        for step in 1..=20 {
            let g = numbers.floats(n);
            b.adamw(&config, step, &mut p, &upload(b, &g), &mut m, &mut v);
            let g = wide(&g);
            reference::adamw(&config, step, &mut want_p, &g, &mut want_m, &mut want_v);
        }
        assert_close("p", &download(b, &p, n), &want_p, 3e-6);
        assert_close("m", &download(b, &m, n), &want_m, 1e-6);
        assert_close("v", &download(b, &v, n), &want_v, 1e-6);
    }
    // Late in a long run the corrections are one and must stay finite.
    let [mut p, mut m, mut v] = [1.0, 0.5, 0.25].map(|x| upload(b, &[x]));
    b.adamw(
        &config,
        1_000_000,
        &mut p,
        &upload(b, &[1.0]),
        &mut m,
        &mut v,
    );
    let [mut want_p, mut want_m, mut want_v] = [1.0, 0.5, 0.25].map(|x| vec![x]);
    reference::adamw(
        &config,
        1_000_000,
        &mut want_p,
        &[1.0],
        &mut want_m,
        &mut want_v,
    );
    assert_close("late p", &download(b, &p, 1), &want_p, 1e-6);
}

fn sum_of_squares_equals_the_reference<B: Backend>(b: &B) {
    for n in [0, 1, 17, 4096, 40_001] {
        let x = Numbers::new(13).floats(n);
        let (got, want) = (
            b.sum_of_squares(&upload(b, &x)),
            reference::sum_of_squares(&wide(&x)),
        );
        assert!((got - want).abs() <= 1e-6 * want, "{got}, should be {want}");
    }
}
