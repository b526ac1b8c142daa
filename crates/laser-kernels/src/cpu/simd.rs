//! Sixteen `f32` lanes on every instruction set.
//!
//! All kernels are written once against [`Simd`] and instantiated per instruction set by
//! [`simd_fn!`]. A vector is always sixteen lanes wide (one AVX-512 register, two AVX ones, an
//! array elsewhere), so that sums are formed in the same order everywhere and AVX-512 and AVX2
//! give the same bits.

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// The instruction set that the kernels run on, detected once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The best instruction set of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Isa::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Isa::Avx2;
            }
        }
        Isa::Portable
    }

    /// Every instruction set that this machine can run, best first; used by tests.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(Isa::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
        }
        all.push(Isa::Portable);
        all
    }
}

/// Operations on sixteen lanes.
///
/// # Safety
/// Methods of a type may only run where its instruction set exists, which [`simd_fn!`] ensures;
/// pointers must be valid for the lanes that are read or written.
pub(crate) trait Simd: Copy + 'static {
    type V: Copy;
    /// Rows of a matmul tile, and vectors per row, that fit the register file.
    const TILE_VECTORS: usize;

    /// Asks for the cache line at `p`, which need not exist, to be read soon.
    unsafe fn prefetch<T>(p: *const T);
    /// The same, to be written soon.
    unsafe fn prefetch_write(p: *const f32);
    /// Sixteen bfloat16 numbers, widened.
    unsafe fn load_bf16(p: *const u16) -> Self::V;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `b` when either is NaN, as on x86.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `b` when either is NaN, as on x86.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the machine can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// To the nearest integer, ties to even.
    unsafe fn round(a: Self::V) -> Self::V;
    /// `a * 2^n` for integral `n` in `-126..=127`.
    unsafe fn scale_by_power_of_two(a: Self::V, n: Self::V) -> Self::V;

    /// The first `n` lanes from memory, the others `fill`.
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize, fill: f32) -> Self::V {
        if n >= LANES {
            return Self::load(p);
        }
        let mut lanes = [fill; LANES];
        std::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), n);
        Self::load(lanes.as_ptr())
    }

    /// Writes the first `n` lanes.
    #[inline(always)]
    unsafe fn store_partial(p: *mut f32, v: Self::V, n: usize) {
        if n >= LANES {
            return Self::store(p, v);
        }
        std::ptr::copy_nonoverlapping(Self::to_array(v).as_ptr(), p, n);
    }

    #[inline(always)]
    unsafe fn to_array(v: Self::V) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        Self::store(lanes.as_mut_ptr(), v);
        lanes
    }

    /// The sum of the lanes, always as the same tree.
    #[inline(always)]
    unsafe fn reduce_sum(v: Self::V) -> f32 {
        let mut l = Self::to_array(v);
        let mut width = LANES / 2;
        while width > 0 {
            for i in 0..width {
                l[i] += l[i + width];
            }
            width /= 2;
        }
        l[0]
    }

    #[inline(always)]
    unsafe fn reduce_max(v: Self::V) -> f32 {
        Self::to_array(v)
            .into_iter()
            .fold(f32::NEG_INFINITY, f32::max)
    }
}

/// e^x, accurate to about 1 ulp (Cephes' `expf`: Cody–Waite reduction, degree-5 polynomial);
/// below −87.3 it saturates at the smallest normal number's neighbourhood, above 88 at e^88.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // `x` second: both return their second operand when one is NaN, so a NaN stays one.
    let x = S::min(S::splat(88.0), S::max(S::splat(-87.0), x));
    let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
    // ln 2 in two parts: the first has so few digits that n times it is exact.
    let r = S::fma(n, S::splat(-0.693_359_4), x);
    let r = S::fma(n, S::splat(2.121_944_4e-4), r);
    let mut p = S::splat(1.987_569_1e-4);
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_6e-1,
        0.5,
    ] {
        p = S::fma(p, r, S::splat(c));
    }
    let p = S::fma(p, S::mul(r, r), S::add(r, S::splat(1.0)));
    S::scale_by_power_of_two(p, n)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LANES, Simd};
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    impl Simd for Avx512 {
        type V = __m512;
        const TILE_VECTORS: usize = 2;

        #[inline(always)]
        unsafe fn prefetch<T>(p: *const T) {
            // Into the second level: the first is full of what is being multiplied.
            _mm_prefetch::<_MM_HINT_T1>(p.cast());
        }
        #[inline(always)]
        unsafe fn prefetch_write(p: *const f32) {
            _mm_prefetch::<_MM_HINT_ET0>(p.cast());
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const u16) -> __m512 {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> __m512 {
            _mm512_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> __m512 {
            _mm512_loadu_ps(p)
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: __m512) {
            _mm512_storeu_ps(p, v)
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            _mm512_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            _mm512_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            _mm512_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn div(a: __m512, b: __m512) -> __m512 {
            _mm512_div_ps(a, b)
        }
        #[inline(always)]
        unsafe fn max(a: __m512, b: __m512) -> __m512 {
            _mm512_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn min(a: __m512, b: __m512) -> __m512 {
            _mm512_min_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sqrt(a: __m512) -> __m512 {
            _mm512_sqrt_ps(a)
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            _mm512_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn round(a: __m512) -> __m512 {
            _mm512_roundscale_ps::<0>(a)
        }
        #[inline(always)]
        unsafe fn scale_by_power_of_two(a: __m512, n: __m512) -> __m512 {
            _mm512_scalef_ps(a, n)
        }
        #[inline(always)]
        unsafe fn load_partial(p: *const f32, n: usize, fill: f32) -> __m512 {
            if n >= LANES {
                return _mm512_loadu_ps(p);
            }
            _mm512_mask_loadu_ps(_mm512_set1_ps(fill), (1u16 << n) - 1, p)
        }
        #[inline(always)]
        unsafe fn store_partial(p: *mut f32, v: __m512, n: usize) {
            if n >= LANES {
                return _mm512_storeu_ps(p, v);
            }
            _mm512_mask_storeu_ps(p, (1u16 << n) - 1, v)
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    /// Applies a 256-bit operation to both halves.
    macro_rules! both {
        ($f:ident, $a:expr $(, $b:expr)*) => {
            ($f($a.0 $(, $b.0)*), $f($a.1 $(, $b.1)*))
        };
    }

    impl Simd for Avx2 {
        type V = (__m256, __m256);
        const TILE_VECTORS: usize = 1;

        #[inline(always)]
        unsafe fn prefetch<T>(p: *const T) {
            // Into the second level: the first is full of what is being multiplied.
            _mm_prefetch::<_MM_HINT_T1>(p.cast());
        }
        #[inline(always)]
        unsafe fn prefetch_write(p: *const f32) {
            _mm_prefetch::<_MM_HINT_ET0>(p.cast());
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const u16) -> Self::V {
            #[inline(always)]
            unsafe fn half(p: *const u16) -> __m256 {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            }
            (half(p), half(p.add(8)))
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            (_mm256_set1_ps(x), _mm256_set1_ps(x))
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            (_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8)))
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            _mm256_storeu_ps(p, v.0);
            _mm256_storeu_ps(p.add(8), v.1);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_add_ps, a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_sub_ps, a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_mul_ps, a, b)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_div_ps, a, b)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_max_ps, a, b)
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            both!(_mm256_min_ps, a, b)
        }
        #[inline(always)]
        unsafe fn sqrt(a: Self::V) -> Self::V {
            both!(_mm256_sqrt_ps, a)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            both!(_mm256_fmadd_ps, a, b, c)
        }
        #[inline(always)]
        unsafe fn round(a: Self::V) -> Self::V {
            (
                _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a.0),
                _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a.1),
            )
        }
        #[inline(always)]
        unsafe fn scale_by_power_of_two(a: Self::V, n: Self::V) -> Self::V {
            #[inline(always)]
            unsafe fn half(a: __m256, n: __m256) -> __m256 {
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
            }
            (half(a.0, n.0), half(a.1, n.1))
        }
    }
}
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// Plain arrays, left to the compiler's vectoriser (NEON on aarch64).
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; LANES];
    const TILE_VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn prefetch<T>(_: *const T) {}
    #[inline(always)]
    unsafe fn prefetch_write(_: *const f32) {}
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> Self::V {
        std::array::from_fn(|i| f32::from_bits(u32::from(*p.add(i)) << 16))
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        std::ptr::read_unaligned(p as *const Self::V)
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        std::ptr::write_unaligned(p as *mut Self::V, v)
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Without hardware support `mul_add` is a library call, a hundred times slower.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    unsafe fn round(a: Self::V) -> Self::V {
        a.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn scale_by_power_of_two(a: Self::V, n: Self::V) -> Self::V {
        zip(a, n, |x, n| {
            x * f32::from_bits(((n as i32 + 127) << 23) as u32)
        })
    }
}

/// Defines a function whose body is compiled once per instruction set, with the type `S:`[`Simd`]
/// in scope, and whose first argument picks the one to run.
macro_rules! simd_fn {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name(isa: $crate::cpu::simd::Isa, $($arg: $ty),*) $(-> $ret)? {
            use $crate::cpu::simd::{Isa, Simd};
            #[inline(always)]
            unsafe fn body<S: Simd>($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? { body::<$crate::cpu::simd::Avx512>($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? { body::<$crate::cpu::simd::Avx2>($($arg),*) }
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512($($arg),*),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2($($arg),*),
                Isa::Portable => body::<$crate::cpu::simd::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use simd_fn;
