//! Floating-point operations per second of the hot kernels; one element is one operation.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use laser_kernels::{AttentionShape, Backend, Buffer, Cpu, Packed, Segments};

/// Floats in `[-1, 1]` without a pattern that matters.
fn floats(n: usize) -> Buffer {
    let values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.618).sin()).collect();
    Buffer::from_slice(&values)
}

fn packed(cpu: &Cpu, outputs: usize, inputs: usize) -> Packed {
    let mut packed = Packed::default();
    cpu.pack(
        &floats(outputs * inputs),
        outputs,
        inputs,
        true,
        &mut packed,
    );
    packed
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    group
}

/// `2 · rows · outputs · inputs` operations each.
fn gemm(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "gemm");
    for (rows, outputs, inputs) in [
        (4096, 128, 128),
        (4096, 1024, 128),
        (2048, 768, 512),
        (64, 1024, 128),
    ] {
        let shape = format!("{rows}x{outputs}x{inputs}");
        group.throughput(Throughput::Elements((2 * rows * outputs * inputs) as u64));
        let w = packed(&cpu, outputs, inputs);
        let (x, dy) = (floats(rows * inputs), floats(rows * outputs));
        let mut y = Buffer::zeros(rows * outputs);
        group.bench_function(format!("forward/{shape}"), |b| {
            b.iter(|| cpu.linear(rows, black_box(&x), &w, None, &mut y, false));
        });
        let mut dx = Buffer::zeros(rows * inputs);
        group.bench_function(format!("dx/{shape}"), |b| {
            b.iter(|| cpu.linear_backward_input(rows, black_box(&dy), &w, &mut dx, false));
        });
        let mut dw = Buffer::zeros(outputs * inputs);
        group.bench_function(format!("dw/{shape}"), |b| {
            b.iter(|| {
                cpu.fill_zero(&mut dw);
                cpu.linear_backward_weight(
                    rows,
                    black_box(&dy),
                    &x,
                    outputs,
                    inputs,
                    &mut dw,
                    None,
                );
            });
        });
    }
}

/// Forward: two products over the causal half of the scores. Backward: five.
fn attention(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "attention");
    let shape = AttentionShape {
        heads: 4,
        kv_heads: 4,
        head_dim: 32,
    };
    let (sequences, len) = (64, 64);
    let segments = Segments::from_lengths(vec![len; sequences]);
    let product = (sequences * shape.heads * len * (len + 1) / 2 * shape.head_dim * 2) as u64;
    let tokens = segments.tokens();
    let (qkv, dout) = (
        floats(tokens * shape.qkv_width()),
        floats(tokens * shape.q_width()),
    );
    let mut out = Buffer::zeros(tokens * shape.q_width());
    let mut lse = Buffer::zeros(tokens * shape.heads);
    group.throughput(Throughput::Elements(2 * product));
    group.bench_function("forward/64x64", |b| {
        b.iter(|| cpu.attention(shape, black_box(&qkv), &segments, &mut out, &mut lse));
    });
    let mut dqkv = Buffer::zeros(tokens * shape.qkv_width());
    group.throughput(Throughput::Elements(5 * product));
    group.bench_function("backward/64x64", |b| {
        b.iter(|| {
            cpu.attention_backward(
                shape,
                black_box(&qkv),
                &out,
                &lse,
                &segments,
                &dout,
                &mut dqkv,
            )
        });
    });
}

/// The product with the head; the softmax is not counted.
fn head_gather(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "head_gather");
    let (rows, width) = (4096, 128);
    for vocab in [64, 8192] {
        let (hidden, head) = (floats(rows * width), packed(&cpu, vocab, width));
        let ids: Vec<u32> = (0..rows).map(|i| (i * 31 % vocab) as u32).collect();
        let (mut logp, mut entropy, mut lse) = (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
        group.throughput(Throughput::Elements((2 * rows * vocab * width) as u64));
        group.bench_function(format!("forward/4096 rows, vocab {vocab}"), |b| {
            b.iter(|| {
                cpu.head_gather(
                    black_box(&hidden),
                    &head,
                    &ids,
                    &mut logp,
                    &mut entropy,
                    &mut lse,
                )
            });
        });
    }
}

criterion_group!(benches, gemm, attention, head_gather);
criterion_main!(benches);
