//! What the machine could do at most, measured: the yardstick of every benchmark.

use std::hint::black_box;
use std::time::Instant;

use super::simd::{LANES, simd_fn};
use super::{Buffer, Cpu, Isa};

/// Independent chains of multiply-adds: enough to hide the latency of one on any machine.
const CHAINS: usize = 12;
/// Vectors that are summed side by side while reading.
const STREAMS: usize = 8;

simd_fn! {
    /// `rounds · CHAINS · LANES` multiply-adds in registers.
    unsafe fn multiply_adds(rounds: usize, factor: f32) -> f32 {
        let (x, y) = (S::splat(factor), S::splat(1.0 - factor));
        let mut chains = [S::splat(0.5); CHAINS];
        for _ in 0..rounds {
            for c in &mut chains {
                *c = S::fma(*c, x, y);
            }
        }
        let mut sum = chains[0];
        for c in &chains[1..] {
            sum = S::add(sum, *c);
        }
        S::reduce_sum(sum)
    }
}

simd_fn! {
    /// The sum of `n` floats, a multiple of `STREAMS · LANES`.
    unsafe fn read(x: *const f32, n: usize) -> f32 {
        let mut sums = [S::splat(0.0); STREAMS];
        for j in (0..n).step_by(STREAMS * LANES) {
            for (i, s) in sums.iter_mut().enumerate() {
                *s = S::add(*s, S::load(x.add(j + i * LANES)));
            }
        }
        let mut sum = sums[0];
        for s in &sums[1..] {
            sum = S::add(sum, *s);
        }
        S::reduce_sum(sum)
    }
}

impl Cpu {
    /// Floating-point operations per second of all threads together when nothing but multiply-adds
    /// (two operations each) is done: the best of `repetitions` of about 20 milliseconds.
    pub fn peak_flops(&self, repetitions: usize) -> f64 {
        let rounds = 1 << 23;
        let operations = (2 * self.threads() * rounds * CHAINS * LANES) as f64;
        operations
            / self.least_seconds(repetitions, |isa, _| unsafe {
                multiply_adds(isa, rounds, 0.999)
            })
    }

    /// Bytes per second that all threads together read from `bytes` of memory, each its part, the
    /// best of `repetitions`. More than the caches hold measures main memory.
    pub fn read_bandwidth(&self, bytes: usize, repetitions: usize) -> f64 {
        let threads = self.threads();
        let part = (bytes / 4 / threads).next_multiple_of(STREAMS * LANES);
        let memory = Buffer::zeros(part * threads);
        let seconds = self.least_seconds(repetitions, |isa, task| unsafe {
            read(isa, memory.as_ptr().add(task * part), part)
        });
        (4 * part * threads) as f64 / seconds
    }

    fn least_seconds(&self, repetitions: usize, f: impl Fn(Isa, usize) -> f32 + Sync) -> f64 {
        let once = || {
            let started = Instant::now();
            self.par.run(self.threads(), |task| {
                black_box(f(self.isa, task));
            });
            started.elapsed().as_secs_f64()
        };
        // The first one wakes the threads and touches the memory.
        once();
        (0..repetitions.max(1))
            .map(|_| once())
            .fold(f64::INFINITY, f64::min)
    }
}
