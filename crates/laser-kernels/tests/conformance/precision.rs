//! Weights stored as bfloat16: the numbers are those of weights that were rounded before.

use half::bf16;
use laser_kernels::{Backend, HeadWeightGradient, Precision};

use crate::common::*;
use crate::forward::LINEAR_SHAPES;

on_every_backend! {
    products_with_bfloat16_weights_are_those_of_rounded_weights
    a_row_packed_anew_in_bfloat16_is_rounded_too
    the_head_reads_bfloat16_weights
    infinities_and_nan_stay_what_they_are_in_bfloat16
}

/// Shapes beyond those of `f32`: rows around the number from which a block is widened for all of
/// them, and more inner positions than a block holds.
const SHAPES: [(usize, usize, usize); 4] =
    [(31, 70, 300), (32, 70, 300), (33, 33, 513), (200, 64, 256)];

fn rounded(w: &[f32]) -> Vec<f32> {
    w.iter().map(|x| bf16::from_f32(*x).to_f32()).collect()
}

fn packed_as<B: Backend>(
    b: &B,
    precision: Precision,
    w: &[f32],
    outputs: usize,
    inputs: usize,
) -> B::Packed {
    let mut packed = b.packed(precision);
    b.pack(&upload(b, w), outputs, inputs, true, &mut packed);
    packed
}

/// `y = x Wᵀ` and `dx = dy W`, added to what is there.
fn products<B: Backend>(
    b: &B,
    w: &B::Packed,
    (rows, outputs, inputs): (usize, usize, usize),
) -> [Vec<f32>; 2] {
    let mut numbers = Numbers::new(8);
    let x = upload(b, &numbers.floats(rows * inputs));
    let dy = upload(b, &numbers.floats(rows * outputs));
    let mut y = upload(b, &numbers.floats(rows * outputs));
    let mut dx = upload(b, &numbers.floats(rows * inputs));
    b.linear(rows, &x, w, None, &mut y, true);
    b.linear_backward_input(rows, &dy, w, &mut dx, true);
    [
        download(b, &y, rows * outputs),
        download(b, &dx, rows * inputs),
    ]
}

fn products_with_bfloat16_weights_are_those_of_rounded_weights<B: Backend>(b: &B) {
    for shape in LINEAR_SHAPES.into_iter().chain(SHAPES) {
        let (_, outputs, inputs) = shape;
        let w = Numbers::new(9).floats(outputs * inputs);
        let half = packed_as(b, Precision::Bf16, &w, outputs, inputs);
        let whole = packed_as(b, Precision::F32, &rounded(&w), outputs, inputs);
        for (got, want) in products(b, &half, shape)
            .iter()
            .zip(products(b, &whole, shape))
        {
            assert_same_bits("bfloat16 weights", got, &want);
        }
    }
}

fn a_row_packed_anew_in_bfloat16_is_rounded_too<B: Backend>(b: &B) {
    let shape = (33, 34, 70);
    let (_, outputs, inputs) = shape;
    let mut numbers = Numbers::new(10);
    let mut w = numbers.floats(outputs * inputs);
    let mut repacked = packed_as(b, Precision::Bf16, &w, outputs, inputs);
    w[(outputs - 1) * inputs..].copy_from_slice(&numbers.floats(inputs));
    b.pack_row(&upload(b, &w), outputs - 1, &mut repacked);
    let whole = packed_as(b, Precision::Bf16, &w, outputs, inputs);
    assert_eq!(products(b, &repacked, shape), products(b, &whole, shape));
}

fn the_head_reads_bfloat16_weights<B: Backend>(b: &B) {
    let (vocab, width, rows) = (77, 33, 40);
    let mut numbers = Numbers::new(11);
    let (w, hidden) = (
        numbers.floats(vocab * width),
        upload(b, &numbers.floats(rows * width)),
    );
    let (ids, dlogp) = (numbers.ids(rows, vocab), numbers.floats(rows));
    let results = |head: &B::Packed| {
        let [mut logp, mut entropy, mut lse] = [(); 3].map(|()| vec![0.0; rows]);
        b.head_gather(&hidden, head, &ids, &mut logp, &mut entropy, &mut lse);
        let mut dhidden = unset(b, rows * width);
        let mut dweight = b.zeros(vocab * width);
        b.head_gather_backward(
            &hidden,
            head,
            &ids,
            &lse,
            &entropy,
            &dlogp,
            None,
            &mut dhidden,
            HeadWeightGradient::Whole(&mut dweight),
        );
        let [dhidden, dweight] =
            [(&dhidden, rows), (&dweight, vocab)].map(|(x, n)| download(b, x, n * width));
        [logp, entropy, lse, dhidden, dweight].concat()
    };
    let half = results(&packed_as(b, Precision::Bf16, &w, vocab, width));
    let whole = results(&packed_as(b, Precision::F32, &rounded(&w), vocab, width));
    assert_same_bits("head", &half, &whole);
}

fn infinities_and_nan_stay_what_they_are_in_bfloat16<B: Backend>(b: &B) {
    // A NaN whose payload lies in the cut half; the largest float, which rounds to infinity; one
    // just below a tie and two ties, to the even number below and above.
    let bits = [
        0x7f80_0001,
        f32::INFINITY.to_bits(),
        f32::MAX.to_bits(),
        0x3f80_7fff,
        0x3f80_8000,
        0x3f81_8000,
    ];
    let w = bits.map(f32::from_bits);
    let packed = packed_as(b, Precision::Bf16, &w, w.len(), 1);
    let mut y = unset(b, w.len());
    b.linear(1, &upload(b, &[1.0]), &packed, None, &mut y, false);
    let y = download(b, &y, w.len());
    assert!(y[0].is_nan(), "{y:?}");
    assert_same_bits("rounded", &y[1..], &rounded(&w)[1..]);
}
