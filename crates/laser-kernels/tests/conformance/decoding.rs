//! A token gives the same bits whether it is trained on or generated.

use laser_kernels::{AttentionShape, Backend, Segments};

use crate::common::*;

on_every_backend! {
    cached_attention_step_by_step_equals_attention_over_the_segment
    cached_attention_after_copying_a_prefix_equals_attention_over_the_segment
}

/// Generates the packed sequences of `qkv` token by token, all at once as long as they last, with
/// sequence `i` in slot `slots[i]` and the rows of a step in another order at every step; returns
/// each sequence's output. Two layers, the other one filled with something else.
pub fn decode<B: Backend>(
    b: &B,
    shape: AttentionShape,
    qkv: &[f32],
    lengths: &[usize],
    slots: &[usize],
) -> Vec<Vec<f32>> {
    let segments = ragged(lengths);
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut cache = b.kv_cache(shape, 2, slots.len(), longest);
    let mut outputs = vec![Vec::new(); lengths.len()];
    for position in 0..longest {
        let mut active: Vec<usize> = (0..lengths.len())
            .filter(|&i| lengths[i] > position)
            .collect();
        let shift = position % active.len();
        active.rotate_left(shift);
        step(
            b,
            shape,
            &mut cache,
            qkv,
            &segments,
            slots,
            position,
            &active,
            &mut outputs,
        );
    }
    outputs
}

/// One token of each of `active`, at `position`.
#[allow(clippy::too_many_arguments)]
fn step<B: Backend>(
    b: &B,
    shape: AttentionShape,
    cache: &mut B::KvCache,
    qkv: &[f32],
    segments: &Segments,
    slots: &[usize],
    position: usize,
    active: &[usize],
    outputs: &mut [Vec<f32>],
) {
    let (width, q_width) = (shape.qkv_width(), shape.q_width());
    let mut tokens = Vec::new();
    for &i in active {
        let row = segments.range(i).start + position;
        tokens.extend_from_slice(&qkv[row * width..(row + 1) * width]);
    }
    let other: Vec<f32> = tokens.iter().map(|x| 1.0 - x).collect();
    let tokens = upload(b, &tokens);
    let places: Vec<_> = active.iter().map(|&i| (slots[i], position)).collect();
    let seen: Vec<_> = active.iter().map(|&i| (slots[i], position + 1)).collect();
    b.cache_write(cache, 1, &tokens, &places);
    b.cache_write(cache, 0, &upload(b, &other), &places);
    let mut out = unset(b, active.len() * q_width);
    b.attention_cached(cache, 1, &tokens, &seen, &mut out);
    let out = download(b, &out, active.len() * q_width);
    for (&i, out) in active.iter().zip(out.chunks(q_width)) {
        outputs[i].extend_from_slice(out);
    }
}

fn cached_attention_step_by_step_equals_attention_over_the_segment<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let segments = ragged(&LENGTHS);
        let qkv = Numbers::new(49).floats(segments.tokens() * shape.qkv_width());
        let (out, _) = attention(b, shape, &qkv, &segments);
        for slots in [[0, 1, 2, 3, 4], [3, 0, 4, 2, 1]] {
            for (i, got) in decode(b, shape, &qkv, &LENGTHS, &slots).iter().enumerate() {
                let rows = segments.range(i);
                let want = &out[rows.start * shape.q_width()..rows.end * shape.q_width()];
                assert_same_bits(&format!("length {}, {shape:?}", LENGTHS[i]), got, want);
            }
        }
    }
}

fn cached_attention_after_copying_a_prefix_equals_attention_over_the_segment<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let (len, width, q_width) = (70, shape.qkv_width(), shape.q_width());
        for prefix in [1, 31, 32, 33, 64] {
            // Two sequences that share a prefix.
            let mut numbers = Numbers::new(50);
            let first = numbers.floats(len * width);
            let mut second = numbers.floats(len * width);
            second[..prefix * width].copy_from_slice(&first[..prefix * width]);
            let (qkv, segments) = ([first, second].concat(), ragged(&[len, len]));
            let (want, _) = attention(b, shape, &qkv, &segments);

            // The slot copied to has held a longer sequence before.
            let slots = [1, 0];
            let mut cache = b.kv_cache(shape, 2, 3, len);
            let old = upload(b, &numbers.floats(len * width));
            let places: Vec<_> = (0..len).map(|t| (0, t)).collect();
            b.cache_write(&mut cache, 0, &old, &places);
            b.cache_write(&mut cache, 1, &old, &places);

            let mut outputs = vec![Vec::new(); 2];
            for t in 0..prefix {
                step(
                    b,
                    shape,
                    &mut cache,
                    &qkv,
                    &segments,
                    &slots,
                    t,
                    &[0],
                    &mut outputs,
                );
            }
            b.cache_copy(&mut cache, slots[0], slots[1], prefix);
            for t in prefix..len {
                let order: &[usize] = if t % 2 == 0 { &[0, 1] } else { &[1, 0] };
                step(
                    b,
                    shape,
                    &mut cache,
                    &qkv,
                    &segments,
                    &slots,
                    t,
                    order,
                    &mut outputs,
                );
            }
            assert_same_bits("first", &outputs[0], &want[..len * q_width]);
            assert_same_bits("second", &outputs[1], &want[(len + prefix) * q_width..]);
        }
    }
}
