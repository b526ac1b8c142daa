//! The kernels one by one. Of products one element is one floating-point operation, of all others
//! a number that is computed.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use laser_kernels::{
    AdamW, AttentionShape, Backend, Buffer, Cpu, HeadWeightGradient, NormLayout, Packed, Precision,
    Segments,
};

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

/// Products of few rows with more weights than a cache holds, as in decoding, in both precisions.
fn few_rows(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "few_rows");
    let (outputs, inputs, matrices) = (3072, 512, 18);
    for precision in [Precision::F32, Precision::Bf16] {
        let w = floats(outputs * inputs);
        let weights: Vec<Packed> = (0..matrices)
            .map(|_| {
                let mut packed = cpu.packed(precision);
                cpu.pack(&w, outputs, inputs, false, &mut packed);
                packed
            })
            .collect();
        for rows in [1, 4, 16, 64] {
            group.throughput(Throughput::Elements(
                (2 * matrices * rows * outputs * inputs) as u64,
            ));
            let (x, mut y) = (floats(rows * inputs), Buffer::zeros(rows * outputs));
            group.bench_function(format!("{precision:?}/{rows}"), |b| {
                b.iter(|| {
                    for w in &weights {
                        cpu.linear(rows, black_box(&x), w, None, &mut y, false);
                    }
                });
            });
        }
    }
}

/// A step of 64 sequences against their caches: keys of each head its own, and shared by four.
fn attention_cached(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "attention_cached");
    for (heads, kv_heads, head_dim) in [(4, 4, 32), (8, 2, 64)] {
        let shape = AttentionShape {
            heads,
            kv_heads,
            head_dim,
        };
        let slots = 64;
        for tokens in [64, 512] {
            let mut cache = cpu.kv_cache(shape, 1, slots, tokens);
            let qkv = floats(slots * shape.qkv_width());
            for t in 0..tokens {
                let rows: Vec<_> = (0..slots).map(|s| (s, t)).collect();
                cpu.cache_write(&mut cache, 0, &qkv, &rows);
            }
            let rows: Vec<_> = (0..slots).map(|s| (s, tokens)).collect();
            let mut out = Buffer::zeros(slots * shape.q_width());
            group.throughput(Throughput::Elements(
                (4 * slots * shape.q_width() * tokens) as u64,
            ));
            group.bench_function(
                format!("{heads} heads, {kv_heads} kv/{tokens} tokens"),
                |b| {
                    b.iter(|| cpu.attention_cached(&cache, 0, black_box(&qkv), &rows, &mut out));
                },
            );
        }
    }
}

/// Passes over rows, at the width of the shape `small`.
fn rows(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "rows");
    let (rows, width) = (2048, 512);
    let layout = NormLayout::rows(width);
    let (x, dy, w) = (floats(rows * width), floats(rows * width), floats(width));
    let (mut y, mut inv) = (Buffer::zeros(rows * width), Buffer::zeros(rows));
    let mut dw = Buffer::zeros(width);
    group.throughput(Throughput::Elements((rows * width) as u64));
    group.bench_function("rms_norm", |b| {
        b.iter(|| cpu.rms_norm(layout, rows, black_box(&x), &w, 1e-6, &mut y, &mut inv));
    });
    group.bench_function("rms_norm_backward", |b| {
        b.iter(|| {
            let dw = Some(&mut dw);
            cpu.rms_norm_backward(layout, rows, &x, &w, &inv, black_box(&dy), &mut y, true, dw);
        });
    });
    let gate_up = floats(2 * rows * width);
    let mut dgate_up = Buffer::zeros(2 * rows * width);
    group.bench_function("swiglu", |b| {
        b.iter(|| cpu.swiglu(rows, width, black_box(&gate_up), &mut y));
    });
    group.bench_function("swiglu_backward", |b| {
        b.iter(|| cpu.swiglu_backward(rows, width, black_box(&gate_up), &dy, &mut dgate_up));
    });
    let shape = AttentionShape {
        heads: 4,
        kv_heads: 2,
        head_dim: 64,
    };
    let positions: Vec<u32> = (0..rows as u32).collect();
    // Rotations, which leave the length of what they turn in place: it is turned again and again.
    let angle = |i: usize| (i / 64 * (i % 32)) as f32 * 0.01;
    let table = |i: usize| match i % 64 < 32 {
        true => angle(i).cos(),
        false => angle(i).sin(),
    };
    let table = Buffer::from_slice(&(0..rows * 64).map(table).collect::<Vec<_>>());
    let mut qkv = floats(rows * shape.qkv_width());
    group.bench_function("rope", |b| {
        b.iter(|| cpu.rope(shape, &mut qkv, black_box(&positions), &table, false));
    });
    let ids: Vec<u32> = (0..rows as u32).map(|i| i * 31 % 1000).collect();
    let mut table = floats(1000 * width);
    group.bench_function("embed", |b| {
        b.iter(|| cpu.embed(&table, width, black_box(&ids), &mut y));
    });
    group.bench_function("embed_backward", |b| {
        b.iter(|| cpu.embed_backward(width, black_box(&ids), &dy, &mut table));
    });
}

/// A million parameters.
fn optimizer(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "optimizer");
    let n = 1 << 20;
    let (mut p, g) = (floats(n), floats(n));
    let (mut m, mut v) = (Buffer::zeros(n), Buffer::zeros(n));
    let config = AdamW {
        lr: 1e-6,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.01,
        grad_scale: 1.0,
    };
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("adamw", |b| {
        b.iter(|| cpu.adamw(&config, 10, &mut p, black_box(&g), &mut m, &mut v));
    });
    group.bench_function("sum_of_squares", |b| {
        b.iter(|| cpu.sum_of_squares(black_box(&g)));
    });
    let mut packed = Packed::default();
    group.bench_function("pack", |b| {
        b.iter(|| cpu.pack(black_box(&p), 1024, 1024, true, &mut packed));
    });
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

/// The products with the head, one forward and three backward; the softmax is not counted.
fn head_gather(c: &mut Criterion) {
    let cpu = Cpu::new(0).expect("a thread pool");
    let mut group = group(c, "head_gather");
    let (rows, width) = (4096, 128);
    for vocab in [64, 8192] {
        // Logits of a few nats: probabilities below the smallest normal number would be measured
        // instead of the products.
        let (mut hidden, head) = (floats(rows * width), packed(&cpu, vocab, width));
        cpu.scale(&mut hidden, 0.1);
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
        let dlogp = vec![1.0 / rows as f32; rows];
        let mut dhidden = Buffer::zeros(rows * width);
        let mut dweight = Buffer::zeros(vocab * width);
        group.throughput(Throughput::Elements((6 * rows * vocab * width) as u64));
        group.bench_function(format!("backward/4096 rows, vocab {vocab}"), |b| {
            b.iter(|| {
                cpu.head_gather_backward(
                    black_box(&hidden),
                    &head,
                    &ids,
                    &lse,
                    &entropy,
                    &dlogp,
                    None,
                    &mut dhidden,
                    HeadWeightGradient::Whole(&mut dweight),
                )
            });
        });
    }
}

criterion_group!(
    benches,
    gemm,
    few_rows,
    attention,
    attention_cached,
    head_gather,
    rows,
    optimizer
);
criterion_main!(benches);
