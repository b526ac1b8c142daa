//! Splitting work over threads so that no result depends on how many there are.

use std::sync::Arc;

/// Runs independent tasks, serially or on a thread pool. Tasks write disjoint memory and each
/// output element is computed wholly inside one task in a fixed order, which is why the split may
/// follow the thread count and still change no bit.
#[derive(Clone)]
pub(crate) struct Par {
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Par {
    pub(crate) fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = match threads {
            0 | 1 => None,
            n => Some(Arc::new(
                rayon::ThreadPoolBuilder::new().num_threads(n).build()?,
            )),
        };
        Ok(Par { pool })
    }

    pub(crate) fn serial() -> Self {
        Par { pool: None }
    }

    pub(crate) fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, |p| p.current_num_threads())
    }

    /// Runs `f` on a pool thread, so that the operations inside it start their tasks without
    /// waking the pool from outside each time.
    pub(crate) fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            None => f(),
            Some(pool) => pool.install(f),
        }
    }

    /// Calls `f(0..tasks)`, each once.
    pub(crate) fn run(&self, tasks: usize, f: impl Fn(usize) + Sync) {
        use rayon::prelude::*;
        match &self.pool {
            Some(pool) if tasks > 1 => pool.install(|| {
                (0..tasks).into_par_iter().with_max_len(1).for_each(&f);
            }),
            _ => (0..tasks).for_each(f),
        }
    }

    /// Calls `f` once for each item.
    pub(crate) fn for_each<T: Send>(&self, items: &mut [T], f: impl Fn(&mut T) + Sync) {
        use rayon::prelude::*;
        match &self.pool {
            Some(pool) if items.len() > 1 => {
                pool.install(|| items.par_iter_mut().with_max_len(1).for_each(&f));
            }
            _ => items.iter_mut().for_each(f),
        }
    }

    /// Splits `n` items into blocks of a multiple of `align`, a few per thread but each at least
    /// `min` long, and calls `f(start, end)` for each.
    pub(crate) fn blocks(
        &self,
        n: usize,
        align: usize,
        min: usize,
        f: impl Fn(usize, usize) + Sync,
    ) {
        self.blocks_up_to(usize::MAX, n, align, min, f);
    }

    /// As [`Par::blocks`], with blocks of at most `max` items (rounded up to `align`).
    pub(crate) fn blocks_up_to(
        &self,
        max: usize,
        n: usize,
        align: usize,
        min: usize,
        f: impl Fn(usize, usize) + Sync,
    ) {
        if n == 0 {
            return;
        }
        let parts = match self.threads() {
            1 => 1,
            threads => threads * 4,
        };
        let size = n.div_ceil(parts).max(min).min(max).next_multiple_of(align);
        self.run(n.div_ceil(size), |b| f(b * size, ((b + 1) * size).min(n)));
    }
}

/// A pointer that tasks share; they promise to write disjoint parts of what it points to.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(slice: &mut [f32]) -> Self {
        Shared(slice.as_mut_ptr())
    }

    /// # Safety
    /// `offset` is inside the slice this was made from, and no other task touches what is
    /// written through the result.
    pub(crate) unsafe fn at(self, offset: usize) -> *mut f32 {
        self.0.add(offset)
    }
}
