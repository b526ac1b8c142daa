//! Mistakes of the caller panic instead of reading or writing somewhere else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use laser_kernels::{Backend, HeadWeightGradient, NormLayout};

use crate::common::*;

on_every_backend! {
    packing_for_inference_forgets_the_training_layout_but_keeps_the_result
    ids_outside_a_table_panic
    rows_outside_the_cache_panic
    buffers_that_are_too_short_panic
}

#[track_caller]
fn assert_panics(what: &str, f: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err(), "{what}");
}

fn packing_for_inference_forgets_the_training_layout_but_keeps_the_result<B: Backend>(b: &B) {
    let mut numbers = Numbers::new(51);
    let (old, new, x) = (
        numbers.floats(33 * 7),
        numbers.floats(33 * 7),
        numbers.floats(5 * 7),
    );
    let mut reused = packed(b, &old, 33, 7);
    b.pack(&upload(b, &new), 33, 7, false, &mut reused);
    let mut y = unset(b, 5 * 33);
    b.linear(5, &upload(b, &x), &reused, None, &mut y, false);
    assert_same_bits(
        "y",
        &download(b, &y, 5 * 33),
        &linear(b, &x, &new, 33, 7, None),
    );
    assert_panics("stale weights must not be used", || {
        let (dy, mut dx) = (b.zeros(5 * 33), b.zeros(5 * 7));
        b.linear_backward_input(5, &dy, &reused, &mut dx, false);
    });
}

fn ids_outside_a_table_panic<B: Backend>(b: &B) {
    let (table, w) = (b.zeros(5 * 3), packed(b, &[0.5; 5 * 3], 5, 3));
    let (hidden, mut dhidden) = (b.zeros(2 * 3), b.zeros(2 * 3));
    assert_panics("embed", || b.embed(&table, 3, &[0, 5], &mut b.zeros(2 * 3)));
    assert_panics("embed_backward", || {
        b.embed_backward(3, &[0, 5], &hidden, &mut b.zeros(5 * 3))
    });
    // In the first row the logit of another row would be read.
    assert_panics("head_gather", || {
        let mut out = [[0.0; 2]; 3];
        let [logp, entropy, lse] = &mut out;
        b.head_gather(&hidden, &w, &[5, 0], logp, entropy, lse);
    });
    assert_panics("head_gather_backward", || {
        let (ids, zeros, mut dw) = ([5, 0], [0.0; 2], b.zeros(5 * 3));
        b.head_gather_backward(
            &hidden,
            &w,
            &ids,
            &zeros,
            &zeros,
            &zeros,
            None,
            &mut dhidden,
            HeadWeightGradient::Whole(&mut dw),
        );
    });
}

fn rows_outside_the_cache_panic<B: Backend>(b: &B) {
    let shape = shape(2, 1, 8);
    let mut cache = b.kv_cache(shape, 1, 2, 32);
    let qkv = b.zeros(shape.qkv_width());
    for place in [(2, 0), (0, 1000)] {
        assert_panics("cache_write", || {
            b.cache_write(&mut cache, 0, &qkv, &[place])
        });
    }
    for row in [(2, 1), (0, 0), (0, 1000)] {
        let mut out = b.zeros(shape.q_width());
        assert_panics("attention_cached", || {
            b.attention_cached(&cache, 0, &qkv, &[row], &mut out)
        });
    }
    for (from, to, len) in [(2, 0, 1), (0, 2, 1), (0, 1, 1000)] {
        assert_panics("cache_copy", || b.cache_copy(&mut cache, from, to, len));
    }
}

fn buffers_that_are_too_short_panic<B: Backend>(b: &B) {
    let w = packed(b, &[0.5; 5 * 3], 5, 3);
    let (x, short) = (b.zeros(2 * 3), b.zeros(2 * 3 - 1));
    let y = || b.zeros(2 * 5);
    assert_panics("weight", || {
        b.pack(&x, 5, 3, true, &mut B::Packed::default())
    });
    assert_panics("x", || b.linear(2, &short, &w, None, &mut y(), false));
    assert_panics("y", || b.linear(2, &x, &w, None, &mut b.zeros(9), false));
    assert_panics("bias", || {
        b.linear(2, &x, &w, Some(&b.zeros(4)), &mut y(), false)
    });
    assert_panics("dx", || {
        b.linear_backward_input(2, &y(), &w, &mut b.zeros(5), false)
    });
    assert_panics("dw", || {
        b.linear_backward_weight(2, &y(), &x, 5, 3, &mut b.zeros(14), None);
    });
    assert_panics("dbias", || {
        let mut dbias = b.zeros(4);
        b.linear_backward_weight(2, &y(), &x, 5, 3, &mut b.zeros(15), Some(&mut dbias));
    });
    assert_panics("norm", || {
        let (w, mut inv) = (b.zeros(3), b.zeros(2));
        b.rms_norm(
            NormLayout::rows(3),
            2,
            &short,
            &w,
            1e-6,
            &mut b.zeros(6),
            &mut inv,
        );
    });
    assert_panics("swiglu", || b.swiglu(2, 2, &short, &mut b.zeros(4)));
    let (shape, segments) = (shape(1, 1, 2), ragged(&[2]));
    assert_panics("qkv", || {
        b.attention(
            shape,
            &b.zeros(11),
            &segments,
            &mut b.zeros(4),
            &mut b.zeros(2),
        );
    });
    assert_panics("lse", || {
        b.attention(
            shape,
            &b.zeros(12),
            &segments,
            &mut b.zeros(4),
            &mut b.zeros(1),
        );
    });
    assert_panics("rope", || {
        b.rope(shape, &mut b.zeros(12), &[0, 3], &b.zeros(7), false)
    });
    assert_panics("logits", || {
        b.logits_stats(&x, 4, &mut [0.0; 2], &mut [0.0; 2])
    });
}
