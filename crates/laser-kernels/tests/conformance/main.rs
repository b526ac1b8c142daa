//! One suite for every backend: each check is written once for any [`Backend`] and run on all
//! that this machine has.
//!
//! - [`forward`]: results equal the `f64` reference.
//! - [`backward`]: gradients equal finite differences of the `f64` reference.
//! - [`exact`]: what must not change a single bit.
//! - [`decoding`]: attention against a cache equals attention over the segment, bit for bit.
//! - [`misuse`]: mistakes of the caller panic.
//! - [`precision`]: weights stored as bfloat16.
//! - [`extremes`]: large numbers, infinities and NaN.
//!
//! [`Backend`]: laser_kernels::Backend

/// Turns generic checks into tests that run on every backend. A device adds its line here.
macro_rules! on_every_backend {
    ($($check:ident)*) => {
        mod every_backend {
            $(
                #[test]
                fn $check() {
                    for (name, backend) in crate::common::cpus() {
                        // Shown when the check fails.
                        println!("on {name}");
                        super::$check(&backend);
                    }
                }
            )*
        }
    };
}

mod backward;
mod common;
mod decoding;
mod exact;
mod extremes;
mod forward;
mod misuse;
mod precision;
