//! What must not change a single bit: the number of threads, the vector width, the rows beside a
//! row, and the cut into micro-batches.

use std::ops::Range;

use laser_kernels::{AdamW, Backend, Cpu, HeadWeightGradient, Isa, NormLayout};

use crate::common::*;
use crate::decoding::decode;

on_every_backend! {
    linear_of_a_row_alone_equals_the_same_row_among_many
    linear_backward_input_of_a_row_alone_equals_the_same_row_among_many
    gradients_over_micro_batches_equal_those_of_one_batch
    head_gradients_over_micro_batches_equal_those_of_one_batch
    head_gradients_of_rows_that_carry_one_equal_those_of_these_rows_alone
    head_gather_of_rows_alone_equals_the_same_rows_among_many_blocks
    logit_minus_logsumexp_equals_head_gather
    attention_of_a_segment_does_not_depend_on_the_segments_beside_it
    attention_of_a_continuation_equals_that_of_a_whole_sequence
    attention_of_a_prefix_equals_the_prefix_of_attention
}

/// Every result of every operation, on inputs large enough that each is split over threads.
fn everything<B: Backend>(b: &B) -> Vec<(&'static str, Vec<f32>)> {
    let mut numbers = Numbers::new(40);
    let mut results = Vec::new();
    let rows = 203;

    // Wide products are split by rows, those of few rows by columns; both sides of a weight
    // gradient can be the longer one.
    for (name, rows, outputs, inputs) in [
        ("linear, many rows", rows, 130, 33),
        ("linear, few rows", 3, 400, 300),
        ("linear, rows that every cache holds", 66, 130, 40),
        ("linear, narrow", rows, 7, 130),
    ] {
        let x = upload(b, &numbers.floats(rows * inputs));
        let dy = upload(b, &numbers.floats(rows * outputs));
        let w = packed(b, &numbers.floats(outputs * inputs), outputs, inputs);
        let bias = upload(b, &numbers.floats(outputs));
        let mut y = upload(b, &numbers.floats(rows * outputs));
        b.linear(rows, &x, &w, Some(&bias), &mut y, true);
        results.push((name, download(b, &y, rows * outputs)));
        let mut dx = upload(b, &numbers.floats(rows * inputs));
        b.linear_backward_input(rows, &dy, &w, &mut dx, true);
        results.push((name, download(b, &dx, rows * inputs)));
        let mut dw = upload(b, &numbers.floats(outputs * inputs));
        let mut db = upload(b, &numbers.floats(outputs));
        b.linear_backward_weight(rows, &dy, &x, outputs, inputs, &mut dw, Some(&mut db));
        results.push((name, download(b, &dw, outputs * inputs)));
        results.push((name, download(b, &db, outputs)));
    }

    let width = 130;
    let ids = numbers.ids(rows, 9);
    let table = upload(b, &numbers.floats(9 * width));
    let mut embedded = unset(b, rows * width);
    b.embed(&table, width, &ids, &mut embedded);
    results.push(("embed", download(b, &embedded, rows * width)));
    let mut dtable = upload(b, &numbers.floats(9 * width));
    b.embed_backward(width, &ids, &embedded, &mut dtable);
    results.push(("embed_backward", download(b, &dtable, 9 * width)));

    let shape = shape(4, 2, 48);
    for layout in [
        NormLayout::rows(width),
        head_norm(shape, false),
        head_norm(shape, true),
    ] {
        let x = numbers.floats(rows * layout.stride);
        let w = numbers.floats(layout.width);
        let (y, inv) = rms_norm(b, layout, &x, &w, 1e-6);
        let [x_, w, inv_, dy] = [&x, &w, &inv, &y].map(|v| upload(b, v));
        let (mut dx, mut dw) = (upload(b, &x), b.zeros(layout.width));
        b.rms_norm_backward(
            layout,
            rows,
            &x_,
            &w,
            &inv_,
            &dy,
            &mut dx,
            true,
            Some(&mut dw),
        );
        results.push(("rms_norm", y));
        results.push(("rms_norm inv", inv));
        results.push(("rms_norm dx", download(b, &dx, x.len())));
        results.push(("rms_norm dw", download(b, &dw, layout.width)));
    }

    let segments = ragged(&[1, 70, 33, 99]);
    let qkv = numbers.floats(rows * shape.qkv_width());
    let table = upload(b, &numbers.floats(99 * shape.head_dim));
    let mut rotated = upload(b, &qkv);
    b.rope(shape, &mut rotated, &segments.positions(), &table, false);
    results.push(("rope", download(b, &rotated, qkv.len())));
    let (out, lse) = attention(b, shape, &qkv, &segments);
    let dout = numbers.floats(out.len());
    results.push(("attention", out));
    results.push(("attention lse", lse));
    results.push((
        "attention dqkv",
        attention_backward(b, shape, &qkv, &segments, &dout),
    ));
    let order = [2, 0, 3, 1];
    for out in decode(b, shape, &qkv, &[1, 70, 33, 99], &order) {
        results.push(("attention_cached", out));
    }

    let gate_up = numbers.floats(rows * 2 * width);
    results.push(("swiglu", swiglu(b, width, &gate_up)));
    let dout = upload(b, &numbers.floats(rows * width));
    let mut d = unset(b, gate_up.len());
    b.swiglu_backward(rows, width, &upload(b, &gate_up), &dout, &mut d);
    results.push(("swiglu dgate_up", download(b, &d, gate_up.len())));

    let (vocab, width) = (777, 33);
    let head = HeadBatch::new(&mut numbers, vocab, width, rows, 3);
    let forward = head_gather(b, &head.hidden, &head.w, width, &head.ids);
    let mut dweight = numbers.floats(vocab * width);
    let dhidden = head.backward(b, 0..rows, &mut dweight);
    results.push(("head dhidden", dhidden));
    results.push(("head dweight", dweight));
    results.push(("head logp", forward.logp));
    results.push(("head entropy", forward.entropy));
    results.push(("head lse", forward.lse));
    let (lse, entropy) = logits_stats(b, &numbers.floats(rows * vocab), vocab);
    results.push(("logits_stats lse", lse));
    results.push(("logits_stats entropy", entropy));

    let n = 100_003;
    let [mut p, g, mut m] = [0; 3].map(|_| upload(b, &numbers.floats(n)));
    let positive: Vec<f32> = numbers.floats(n).iter().map(|x| x * x).collect();
    let mut v = upload(b, &positive);
    let config = AdamW {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.1,
        grad_scale: 0.7,
    };
    b.adamw(&config, 7, &mut p, &g, &mut m, &mut v);
    for buffer in [&p, &m, &v] {
        results.push(("adamw", download(b, buffer, n)));
    }
    let norm = b.sum_of_squares(&g).to_bits();
    results.push((
        "sum_of_squares",
        vec![
            f32::from_bits(norm as u32),
            f32::from_bits((norm >> 32) as u32),
        ],
    ));
    results
}

fn assert_same_results<B: Backend>(b: &B, want: &[(&'static str, Vec<f32>)]) {
    let got = everything(b);
    assert_eq!(got.len(), want.len());
    for ((what, got), (_, want)) in got.iter().zip(want) {
        assert_same_bits(what, got, want);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_any_operation() {
    let serial = everything(&Cpu::serial());
    for threads in [1, 2, 3] {
        let cpu = Cpu::new(threads).expect("a pool of a few threads");
        assert_eq!(cpu.threads(), threads);
        assert_same_results(&cpu, &serial);
        // Also from inside the pool.
        cpu.install(|| assert_same_results(&cpu, &serial));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512_and_avx2_give_the_same_bits_in_every_operation() {
    let available = Isa::available();
    if available.contains(&Isa::Avx512) && available.contains(&Isa::Avx2) {
        let want = everything(&Cpu::serial_on(Isa::Avx512));
        assert_same_results(&Cpu::serial_on(Isa::Avx2), &want);
    }
}

fn linear_of_a_row_alone_equals_the_same_row_among_many<B: Backend>(b: &B) {
    for (outputs, inputs) in [(1, 1), (7, 33), (130, 16), (33, 600)] {
        let mut numbers = Numbers::new(41);
        let (x, w) = (
            numbers.floats(67 * inputs),
            numbers.floats(outputs * inputs),
        );
        let bias = numbers.floats(outputs);
        let together = linear(b, &x, &w, outputs, inputs, Some(&bias));
        for r in 0..67 {
            let alone = linear(
                b,
                &x[r * inputs..(r + 1) * inputs],
                &w,
                outputs,
                inputs,
                Some(&bias),
            );
            assert_same_bits(
                &format!("row {r}"),
                &alone,
                &together[r * outputs..(r + 1) * outputs],
            );
        }
    }
}

fn linear_backward_input_of_a_row_alone_equals_the_same_row_among_many<B: Backend>(b: &B) {
    let (outputs, inputs) = (300, 33);
    let mut numbers = Numbers::new(42);
    let (dy, w) = (
        numbers.floats(67 * outputs),
        numbers.floats(outputs * inputs),
    );
    let w = packed(b, &w, outputs, inputs);
    let dx = |dy: &[f32]| {
        let rows = dy.len() / outputs;
        let mut dx = unset(b, rows * inputs);
        b.linear_backward_input(rows, &upload(b, dy), &w, &mut dx, false);
        download(b, &dx, rows * inputs)
    };
    let together = dx(&dy);
    for r in 0..67 {
        let alone = dx(&dy[r * outputs..(r + 1) * outputs]);
        assert_same_bits(
            &format!("row {r}"),
            &alone,
            &together[r * inputs..(r + 1) * inputs],
        );
    }
}

const ROWS: usize = 67;
/// The same rows in micro-batches.
const CUT: [Range<usize>; 3] = [0..5, 5..8, 8..ROWS];

/// `add` returns weight gradients with those of some rows added. One batch or several: no matter.
fn assert_cuts_agree(what: &str, start: &[f32], add: impl Fn(Range<usize>, Vec<f32>) -> Vec<f32>) {
    let whole = add(0..ROWS, start.to_vec());
    let cut = CUT
        .into_iter()
        .fold(start.to_vec(), |sum, rows| add(rows, sum));
    assert_same_bits(what, &cut, &whole);
    assert_ne!(whole, start, "{what}: something was added");
}

fn gradients_over_micro_batches_equal_those_of_one_batch<B: Backend>(b: &B) {
    let mut numbers = Numbers::new(43);
    for (outputs, inputs) in [(1, 7), (33, 16), (7, 130)] {
        let (x, dy) = (
            numbers.floats(ROWS * inputs),
            numbers.floats(ROWS * outputs),
        );
        let part = |rows: &Range<usize>| {
            let dy = upload(b, &dy[rows.start * outputs..rows.end * outputs]);
            (dy, upload(b, &x[rows.start * inputs..rows.end * inputs]))
        };
        assert_cuts_agree(
            "linear dw",
            &numbers.floats(outputs * inputs),
            |rows, dw| {
                let ((dy, x), mut buffer) = (part(&rows), upload(b, &dw));
                b.linear_backward_weight(rows.len(), &dy, &x, outputs, inputs, &mut buffer, None);
                download(b, &buffer, dw.len())
            },
        );
        assert_cuts_agree("linear dbias", &numbers.floats(outputs), |rows, dbias| {
            let ((dy, x), mut buffer) = (part(&rows), upload(b, &dbias));
            let (mut dw, dbias_) = (b.zeros(outputs * inputs), Some(&mut buffer));
            b.linear_backward_weight(rows.len(), &dy, &x, outputs, inputs, &mut dw, dbias_);
            download(b, &buffer, dbias.len())
        });
    }

    for width in [7, 33] {
        let (ids, dout) = (numbers.ids(ROWS, 5), numbers.floats(ROWS * width));
        assert_cuts_agree(
            "embed dtable",
            &numbers.floats(5 * width),
            |rows, dtable| {
                let mut buffer = upload(b, &dtable);
                let dout = upload(b, &dout[rows.start * width..rows.end * width]);
                b.embed_backward(width, &ids[rows], &dout, &mut buffer);
                download(b, &buffer, dtable.len())
            },
        );
    }

    let heads = shape(4, 2, 10);
    for layout in [
        NormLayout::rows(130),
        head_norm(heads, false),
        head_norm(heads, true),
    ] {
        let n = layout.stride;
        let (x, dy) = (numbers.floats(ROWS * n), numbers.floats(ROWS * n));
        let w = numbers.floats(layout.width);
        assert_cuts_agree("rms_norm dw", &numbers.floats(layout.width), |rows, dw| {
            let (x, dy) = (
                &x[rows.start * n..rows.end * n],
                &dy[rows.start * n..rows.end * n],
            );
            let (_, inv) = rms_norm(b, layout, x, &w, 1e-6);
            let (mut dx, mut buffer) = (b.zeros(x.len()), upload(b, &dw));
            let [x, w, inv, dy] = [x, &w, &inv, dy].map(|v| upload(b, v));
            b.rms_norm_backward(
                layout,
                rows.len(),
                &x,
                &w,
                &inv,
                &dy,
                &mut dx,
                false,
                Some(&mut buffer),
            );
            download(b, &buffer, dw.len())
        });
    }
}

/// A head with made-up hidden states, ids and gradients.
struct HeadBatch {
    width: usize,
    k: usize,
    hidden: Vec<f32>,
    w: Vec<f32>,
    ids: Vec<u32>,
    dlogp: Vec<f32>,
    dentropy: Vec<f32>,
}

impl HeadBatch {
    fn new(numbers: &mut Numbers, vocab: usize, width: usize, rows: usize, k: usize) -> Self {
        HeadBatch {
            width,
            k,
            hidden: numbers.floats(rows * width),
            w: numbers.floats(vocab * width),
            ids: numbers.ids(rows * k, vocab),
            dlogp: numbers.floats(rows * k),
            dentropy: numbers.floats(rows),
        }
    }

    fn hidden(&self, rows: &Range<usize>) -> &[f32] {
        &self.hidden[rows.start * self.width..rows.end * self.width]
    }

    fn ids(&self, rows: &Range<usize>) -> &[u32] {
        &self.ids[rows.start * self.k..rows.end * self.k]
    }

    fn gather<B: Backend>(&self, b: &B, rows: Range<usize>) -> Head {
        head_gather(b, self.hidden(&rows), &self.w, self.width, self.ids(&rows))
    }

    /// Adds to `dweight`, returns `dhidden`.
    fn backward<B: Backend>(&self, b: &B, rows: Range<usize>, dweight: &mut [f32]) -> Vec<f32> {
        let kept = self.gather(b, rows.clone());
        let hidden = self.hidden(&rows);
        let (mut dhidden, mut dw) = (unset(b, hidden.len()), upload(b, dweight));
        b.head_gather_backward(
            &upload(b, hidden),
            &packed(b, &self.w, self.w.len() / self.width, self.width),
            self.ids(&rows),
            &kept.lse,
            &kept.entropy,
            &self.dlogp[rows.start * self.k..rows.end * self.k],
            Some(&self.dentropy[rows]),
            &mut dhidden,
            HeadWeightGradient::Whole(&mut dw),
        );
        b.download(&dw, dweight);
        download(b, &dhidden, hidden.len())
    }
}

fn head_gradients_over_micro_batches_equal_those_of_one_batch<B: Backend>(b: &B) {
    let mut numbers = Numbers::new(44);
    for (vocab, width, k) in [(33, 7, 1), (768, 16, 3)] {
        let head = HeadBatch::new(&mut numbers, vocab, width, ROWS, k);
        assert_cuts_agree(
            "dweight",
            &numbers.floats(vocab * width),
            |rows, mut dweight| {
                head.backward(b, rows, &mut dweight);
                dweight
            },
        );
        let mut unused = vec![0.0; vocab * width];
        let whole = head.backward(b, 0..ROWS, &mut unused);
        let cut: Vec<f32> = CUT
            .into_iter()
            .flat_map(|rows| head.backward(b, rows, &mut unused))
            .collect();
        assert_same_bits("dhidden", &cut, &whole);
    }
}

fn head_gradients_of_rows_that_carry_one_equal_those_of_these_rows_alone<B: Backend>(b: &B) {
    let (vocab, width, k, rows) = (768, 16, 3, 23);
    let carrying: [fn(usize) -> bool; 5] = [
        |_| true,
        |r| r % 3 == 1,
        |r| (5..9).contains(&r),
        |r| r == 22,
        |_| false,
    ];
    for carries in carrying {
        let mut numbers = Numbers::new(50);
        let mut head = HeadBatch::new(&mut numbers, vocab, width, rows, k);
        for r in 0..rows {
            if !carries(r) {
                head.dlogp[r * k..(r + 1) * k].fill(0.0);
                head.dentropy[r] = 0.0;
            }
        }
        // An entropy alone, and one id of several alone.
        head.dlogp[k..2 * k].fill(0.0);
        head.dlogp[7 * k..8 * k - 1].fill(0.0);
        let before = numbers.floats(vocab * width);
        let (mut whole, mut alone) = (before.clone(), before);
        let dhidden = head.backward(b, 0..rows, &mut whole);
        for r in 0..rows {
            let own = match carries(r) {
                true => head.backward(b, r..r + 1, &mut alone),
                false => vec![0.0; width],
            };
            assert_same_bits("dhidden", &dhidden[r * width..(r + 1) * width], &own);
        }
        assert_same_bits("dweight", &whole, &alone);
    }
}

fn head_gather_of_rows_alone_equals_the_same_rows_among_many_blocks<B: Backend>(b: &B) {
    // 2^22 logits are held at a time: 1,398 rows of this vocabulary.
    let (vocab, rows) = (3000, 1500);
    let head = HeadBatch::new(&mut Numbers::new(45), vocab, 2, rows, 2);
    let together = head.gather(b, 0..rows);
    for part in [0..1, 13..50, 1390..1405, 1499..1500] {
        let alone = head.gather(b, part.clone());
        assert_same_bits(
            "logp",
            &alone.logp,
            &together.logp[2 * part.start..2 * part.end],
        );
        assert_same_bits("entropy", &alone.entropy, &together.entropy[part.clone()]);
        assert_same_bits("lse", &alone.lse, &together.lse[part]);
    }
    let (mut whole, mut cut) = (vec![0.0; vocab * 2], vec![0.0; vocab * 2]);
    head.backward(b, 0..rows, &mut whole);
    for part in [0..700, 700..1500] {
        head.backward(b, part, &mut cut);
    }
    assert_same_bits("dweight", &cut, &whole);
}

fn logit_minus_logsumexp_equals_head_gather<B: Backend>(b: &B) {
    for (vocab, width) in [(1, 7), (17, 33), (768, 16)] {
        let head = HeadBatch::new(&mut Numbers::new(46), vocab, width, 9, 3);
        let logits = linear(b, &head.hidden, &head.w, vocab, width, None);
        let (lse, entropy) = logits_stats(b, &logits, vocab);
        let logp: Vec<f32> = (head.ids.iter().enumerate())
            .map(|(i, &id)| logits[i / 3 * vocab + id as usize] - lse[i / 3])
            .collect();
        let gathered = head.gather(b, 0..9);
        assert_same_bits("logp", &gathered.logp, &logp);
        assert_same_bits("lse", &gathered.lse, &lse);
        assert_same_bits("entropy", &gathered.entropy, &entropy);
    }
}

fn attention_of_a_segment_does_not_depend_on_the_segments_beside_it<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let segments = ragged(&LENGTHS);
        let mut numbers = Numbers::new(47);
        let qkv = numbers.floats(segments.tokens() * shape.qkv_width());
        let dout = numbers.floats(segments.tokens() * shape.q_width());
        let (out, lse) = attention(b, shape, &qkv, &segments);
        let dqkv = attention_backward(b, shape, &qkv, &segments, &dout);
        for i in 0..segments.count() {
            let rows = segments.range(i);
            let of = |width: usize| rows.start * width..rows.end * width;
            let (own, alone) = (&qkv[of(shape.qkv_width())], ragged(&[rows.len()]));
            let (own_out, own_lse) = attention(b, shape, own, &alone);
            assert_same_bits("out", &own_out, &out[of(shape.q_width())]);
            assert_same_bits("lse", &own_lse, &lse[of(shape.heads)]);
            let own = attention_backward(b, shape, own, &alone, &dout[of(shape.q_width())]);
            assert_same_bits("dqkv", &own, &dqkv[of(shape.qkv_width())]);
        }
    }
}

fn attention_of_a_continuation_equals_that_of_a_whole_sequence<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let (width, out_width) = (shape.qkv_width(), shape.q_width());
        for stem in LENGTHS {
            let segments = families(&[&[3, 2], &[stem, 33, 1, 70, 64], &[9]]);
            let qkv = Numbers::new(49).floats(segments.tokens() * width);
            let (out, lse) = attention(b, shape, &qkv, &segments);
            let before = segments.range(2);
            for i in segments.family(1).skip(1) {
                let rows = segments.range(i);
                let whole = [&before, &rows]
                    .map(|r| &qkv[r.start * width..r.end * width])
                    .concat();
                let (own_out, own_lse) = attention(b, shape, &whole, &ragged(&[stem + rows.len()]));
                let (a, z) = (rows.start, rows.end);
                assert_same_bits(
                    "out",
                    &own_out[stem * out_width..],
                    &out[a * out_width..z * out_width],
                );
                assert_same_bits(
                    "lse",
                    &own_lse[stem * shape.heads..],
                    &lse[a * shape.heads..z * shape.heads],
                );
            }
        }
    }
}

fn attention_of_a_prefix_equals_the_prefix_of_attention<B: Backend>(b: &B) {
    for shape in attention_shapes() {
        let qkv = Numbers::new(48).floats(140 * shape.qkv_width());
        let (out, lse) = attention(b, shape, &qkv, &ragged(&[140]));
        for len in LENGTHS.into_iter().chain([64, 65, 129]) {
            let prefix = &qkv[..len * shape.qkv_width()];
            let (own_out, own_lse) = attention(b, shape, prefix, &ragged(&[len]));
            assert_same_bits("out", &own_out, &out[..len * shape.q_width()]);
            assert_same_bits("lse", &own_lse, &lse[..len * shape.heads]);
        }
    }
}
