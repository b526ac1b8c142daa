//! Gradients equal finite differences of the `f64` reference.
//!
//! The objective is `Σ c · y` with made-up `c`, so that `c` is the gradient of the output.

use laser_kernels::{Backend, HeadWeightGradient, NormLayout, reference};

use crate::common::*;
use crate::forward::{HEAD_SHAPES, LINEAR_SHAPES};

/// Of a gradient in `f32` to its numerical value.
const TOLERANCE: f64 = 1e-5;

on_every_backend! {
    embed_backward_equals_finite_differences
    rms_norm_backward_equals_finite_differences
    rms_norm_backward_of_heads_equals_finite_differences
    linear_backward_equals_finite_differences
    rope_backward_is_undo
    attention_backward_equals_finite_differences
    attention_backward_equals_finite_differences_beyond_a_block_of_queries
    attention_backward_of_families_equals_finite_differences
    swiglu_backward_equals_finite_differences
    head_gather_backward_equals_finite_differences
}

fn embed_backward_equals_finite_differences<B: Backend>(b: &B) {
    for width in [1, 7, 33] {
        let mut numbers = Numbers::new(20);
        let (table, ids) = (numbers.floats(6 * width), numbers.ids(11, 6));
        let (c, before) = (numbers.floats(11 * width), numbers.floats(6 * width));
        let mut dtable = upload(b, &before);
        b.embed_backward(width, &ids, &upload(b, &c), &mut dtable);
        let want = gradient(&wide(&table), |t| {
            dot(&wide(&c), &reference::embed(t, width, &ids))
        });
        let dtable = download(b, &dtable, before.len());
        assert_close("dtable", &dtable, &sum(&wide(&before), &want), TOLERANCE);
    }
}

fn check_rms_norm<B: Backend>(b: &B, layout: NormLayout, rows: usize) {
    let mut numbers = Numbers::new(21);
    let (x, w) = (
        numbers.floats(rows * layout.stride),
        numbers.floats(layout.width),
    );
    let (c, dx0) = (numbers.floats(x.len()), numbers.floats(x.len()));
    let dw0 = numbers.floats(layout.width);
    let eps = 1e-3;
    let objective = |x: &[f64], w: &[f64]| {
        dot(
            &wide(&c),
            &reference::rms_norm(layout, rows, x, w, f64::from(eps)).y,
        )
    };
    let want_dx = gradient(&wide(&x), |x| objective(x, &wide(&w)));
    let want_dw = sum(
        &wide(&dw0),
        &gradient(&wide(&w), |w| objective(&wide(&x), w)),
    );

    let (_, inv) = rms_norm(b, layout, &x, &w, eps);
    let [x_, w_, inv, c_] = [&x, &w, &inv, &c].map(|v| upload(b, v));
    for accumulate in [false, true] {
        // Outside the vectors of the layout `dx` stays as it was.
        let start = if accumulate {
            dx0.clone()
        } else {
            vec![0.0; x.len()]
        };
        let (mut dx, mut dw) = (upload(b, &start), upload(b, &dw0));
        b.rms_norm_backward(
            layout,
            rows,
            &x_,
            &w_,
            &inv,
            &c_,
            &mut dx,
            accumulate,
            Some(&mut dw),
        );
        // A frozen norm passes the same gradient on.
        let mut frozen = upload(b, &start);
        b.rms_norm_backward(
            layout,
            rows,
            &x_,
            &w_,
            &inv,
            &c_,
            &mut frozen,
            accumulate,
            None,
        );
        assert_eq!(download(b, &frozen, x.len()), download(b, &dx, x.len()));
        let want_dx = sum(&wide(&start), &want_dx);
        assert_close(
            &format!("dx of {layout:?}"),
            &download(b, &dx, x.len()),
            &want_dx,
            TOLERANCE,
        );
        assert_close(
            &format!("dw of {layout:?}"),
            &download(b, &dw, w.len()),
            &want_dw,
            TOLERANCE,
        );
    }
}

fn rms_norm_backward_equals_finite_differences<B: Backend>(b: &B) {
    for (width, rows) in [(1, 3), (7, 1), (16, 9), (33, 5), (130, 2)] {
        check_rms_norm(b, NormLayout::rows(width), rows);
    }
}

fn rms_norm_backward_of_heads_equals_finite_differences<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        for keys in [false, true] {
            check_rms_norm(b, head_norm(shape, keys), 3);
        }
    }
}

fn linear_backward_equals_finite_differences<B: Backend>(b: &B) {
    // Beyond a cache block in each of the three inner lengths.
    let long = [(2, 300, 5), (300, 3, 5)];
    for (rows, outputs, inputs) in LINEAR_SHAPES.into_iter().chain(long) {
        // The differences cost `(weights + inputs) · operations`.
        if rows * outputs * inputs > 10_000 {
            continue;
        }
        let mut numbers = Numbers::new(22);
        let (x, w) = (
            numbers.floats(rows * inputs),
            numbers.floats(outputs * inputs),
        );
        let (bias, c) = (numbers.floats(outputs), numbers.floats(rows * outputs));
        let objective = |x: &[f64], w: &[f64], bias: &[f64]| {
            dot(
                &wide(&c),
                &reference::linear(x, w, outputs, inputs, Some(bias)),
            )
        };
        let (wx, ww, wb) = (wide(&x), wide(&w), wide(&bias));
        let want_dx = gradient(&wx, |x| objective(x, &ww, &wb));
        let want_dw = gradient(&ww, |w| objective(&wx, w, &wb));
        let want_db = gradient(&wb, |bias| objective(&wx, &ww, bias));

        let what = format!("{rows}x{outputs}x{inputs}");
        let (dy, packed) = (upload(b, &c), packed(b, &w, outputs, inputs));
        for accumulate in [false, true] {
            let before = numbers.floats(x.len());
            let mut dx = if accumulate {
                upload(b, &before)
            } else {
                unset(b, x.len())
            };
            b.linear_backward_input(rows, &dy, &packed, &mut dx, accumulate);
            let want = if accumulate {
                sum(&wide(&before), &want_dx)
            } else {
                want_dx.clone()
            };
            assert_close(
                &format!("dx {what}"),
                &download(b, &dx, x.len()),
                &want,
                TOLERANCE,
            );
        }
        for with_bias in [false, true] {
            let (dw0, db0) = (numbers.floats(w.len()), numbers.floats(outputs));
            let (mut dw, mut db) = (upload(b, &dw0), upload(b, &db0));
            let dbias = with_bias.then_some(&mut db);
            b.linear_backward_weight(rows, &dy, &upload(b, &x), outputs, inputs, &mut dw, dbias);
            let want = sum(&wide(&dw0), &want_dw);
            assert_close(
                &format!("dw {what}"),
                &download(b, &dw, w.len()),
                &want,
                TOLERANCE,
            );
            let want = if with_bias {
                sum(&wide(&db0), &want_db)
            } else {
                wide(&db0)
            };
            assert_close(
                &format!("db {what}"),
                &download(b, &db, outputs),
                &want,
                TOLERANCE,
            );
        }
    }
}

fn rope_backward_is_undo<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let positions = [0, 1, 17];
        let mut numbers = Numbers::new(23);
        let qkv = numbers.floats(3 * shape.qkv_width());
        let c = numbers.floats(qkv.len());
        let table: Vec<f32> = reference::rope_table(shape.head_dim, 18, 1e4)
            .iter()
            .map(|&x| x as f32)
            .collect();
        let want = gradient(&wide(&qkv), |qkv| {
            dot(
                &wide(&c),
                &reference::rope(shape, qkv, &positions, &wide(&table), false),
            )
        });
        let mut d = upload(b, &c);
        b.rope(shape, &mut d, &positions, &upload(b, &table), true);
        assert_close("dqkv", &download(b, &d, qkv.len()), &want, TOLERANCE);
    }
}

fn check_attention<B: Backend>(b: &B, shape: laser_kernels::AttentionShape, lengths: &[usize]) {
    let segments = ragged(lengths);
    let mut numbers = Numbers::new(24);
    let qkv = numbers.floats(segments.tokens() * shape.qkv_width());
    let c = numbers.floats(segments.tokens() * shape.q_width());
    let got = attention_backward(b, shape, &qkv, &segments, &c);
    // Segments do not see each other, which the forward checks; so differentiate one at a time.
    for i in 0..segments.count() {
        let rows = segments.range(i);
        let in_segment = rows.start * shape.qkv_width()..rows.end * shape.qkv_width();
        let c = wide(&c[rows.start * shape.q_width()..rows.end * shape.q_width()]);
        let alone = ragged(&[rows.len()]);
        let want = gradient(&wide(&qkv[in_segment.clone()]), |qkv| {
            dot(&c, &reference::attention(shape, qkv, &alone).out)
        });
        assert_close(
            &format!("dqkv of {shape:?}"),
            &got[in_segment],
            &want,
            TOLERANCE,
        );
    }
}

fn attention_backward_equals_finite_differences<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        check_attention(b, shape, &[1, 6, 0, 11]);
    }
}

fn attention_backward_equals_finite_differences_beyond_a_block_of_queries<B: Backend>(b: &B) {
    check_attention(b, shape(2, 1, 4), &[70]);
}

/// Each family differentiated alone: what continues a stem shares its keys and values.
fn check_families<B: Backend>(b: &B, shape: laser_kernels::AttentionShape, lengths: &[&[usize]]) {
    let segments = families(lengths);
    let mut numbers = Numbers::new(26);
    let qkv = numbers.floats(segments.tokens() * shape.qkv_width());
    let c = numbers.floats(segments.tokens() * shape.q_width());
    let got = attention_backward(b, shape, &qkv, &segments, &c);
    for (f, lengths) in lengths.iter().enumerate() {
        let members = segments.family(f);
        let (from, to) = (
            segments.range(members.start).start,
            segments.range(members.end - 1).end,
        );
        let own = from * shape.qkv_width()..to * shape.qkv_width();
        let c = wide(&c[from * shape.q_width()..to * shape.q_width()]);
        let alone = families(&[lengths]);
        let want = gradient(&wide(&qkv[own.clone()]), |qkv| {
            dot(&c, &reference::attention(shape, qkv, &alone).out)
        });
        let what = format!("dqkv of {shape:?} and {lengths:?}");
        assert_close(&what, &got[own], &want, TOLERANCE);
    }
}

fn attention_backward_of_families_equals_finite_differences<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        check_families(b, shape, &[&[2, 3], &[6], &[5, 1, 0, 4]]);
    }
    // Beyond panels of keys and a block of queries.
    check_families(b, shape(2, 1, 4), &[&[33, 70, 2]]);
}

fn swiglu_backward_equals_finite_differences<B: Backend>(b: &B) {
    for (width, rows) in [(1, 1), (7, 5), (16, 3), (33, 2), (130, 1)] {
        let mut numbers = Numbers::new(25);
        let gate_up: Vec<f32> = numbers
            .floats(rows * 2 * width)
            .iter()
            .map(|x| 4.0 * x)
            .collect();
        let c = numbers.floats(rows * width);
        let want = gradient(&wide(&gate_up), |g| {
            dot(&wide(&c), &reference::swiglu(width, g))
        });
        let mut d = unset(b, gate_up.len());
        b.swiglu_backward(rows, width, &upload(b, &gate_up), &upload(b, &c), &mut d);
        assert_close(
            "dgate_up",
            &download(b, &d, gate_up.len()),
            &want,
            TOLERANCE,
        );
    }
}

fn head_gather_backward_equals_finite_differences<B: Backend>(b: &B) {
    for (vocab, width, rows, k) in HEAD_SHAPES {
        let mut numbers = Numbers::new(26);
        let (hidden, w) = (numbers.floats(rows * width), numbers.floats(vocab * width));
        let mut ids = numbers.ids(rows * k, vocab);
        ids[k - 1] = ids[0];
        let (dlogp, dentropy) = (numbers.floats(rows * k), numbers.floats(rows));
        let dw0 = numbers.floats(w.len());
        let kept = head_gather(b, &hidden, &w, width, &ids);
        let (hidden_, packed) = (upload(b, &hidden), packed(b, &w, vocab, width));
        for dentropy in [None, Some(&dentropy[..])] {
            let (mut dhidden, mut dweight) = (unset(b, hidden.len()), upload(b, &dw0));
            b.head_gather_backward(
                &hidden_,
                &packed,
                &ids,
                &kept.lse,
                &kept.entropy,
                &dlogp,
                dentropy,
                &mut dhidden,
                HeadWeightGradient::Whole(&mut dweight),
            );
            let objective = |hidden: &[f64], w: &[f64]| {
                let head = reference::head_gather(hidden, w, vocab, width, &ids);
                dot(&wide(&dlogp), &head.logp)
                    + dentropy.map_or(0.0, |d| dot(&wide(d), &head.entropy))
            };
            let (h, w_) = (wide(&hidden), wide(&w));
            let want = gradient(&h, |h| objective(h, &w_));
            assert_close("dhidden", &download(b, &dhidden, h.len()), &want, TOLERANCE);
            let want = sum(&wide(&dw0), &gradient(&w_, |w| objective(&h, w)));
            assert_close("dweight", &download(b, &dweight, w.len()), &want, TOLERANCE);

            // A frozen head passes the same gradient on; a trained row gets its own part.
            let (id, whole) = (ids[0] as usize, download(b, &dhidden, hidden.len()));
            let row = id * width..(id + 1) * width;
            let mut drow = upload(b, &dw0[row.clone()]);
            for dweight in [
                HeadWeightGradient::Frozen,
                HeadWeightGradient::Row(id as u32, &mut drow),
            ] {
                let mut dhidden = unset(b, hidden.len());
                b.head_gather_backward(
                    &hidden_,
                    &packed,
                    &ids,
                    &kept.lse,
                    &kept.entropy,
                    &dlogp,
                    dentropy,
                    &mut dhidden,
                    dweight,
                );
                assert_eq!(download(b, &dhidden, hidden.len()), whole);
            }
            assert_close("drow", &download(b, &drow, width), &want[row], TOLERANCE);
        }
    }
}
