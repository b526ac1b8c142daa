//! The operations of a decoder, forward and backward, on packed variable-length rows.
//!
//! - [`Backend`]: the interface, about thirty coarse operations on device-resident buffers.
//! - [`Cpu`]: the implementation for processors.
//! - [`mod@reference`]: the same operations written the slow obvious way; the oracle of the tests.
//!
//! A batch is a flat list of token rows; [`Segments`] says where each sequence begins and ends.
//! There is no padding, and no operation knows a token id's meaning.

mod backend;
mod cpu;
pub mod reference;

pub use backend::{AdamW, AttentionShape, Backend, HeadWeightGradient, Precision, Segments};
pub use cpu::{BackendError, Buffer, Cpu, Isa, KvCache, NormLayout, Packed};
