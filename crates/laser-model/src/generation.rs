//! Token-by-token generation with a KV cache.

use laser_kernels::{Backend, Segments};

use crate::{Decoder, Retain, Workspace};

/// The cache of sequences in flight, and the memory of a decoding step.
pub struct GenerationState<B: Backend> {
    cache: B::KvCache,
    slots: usize,
    capacity: usize,
    prefill: Workspace<B>,
    x: B::Buffer,
    normed: B::Buffer,
    inv: B::Buffer,
    qkv: B::Buffer,
    qkv_raw: B::Buffer,
    attention: B::Buffer,
    gate_up: B::Buffer,
    ffn: B::Buffer,
    logits: B::Buffer,
    ids: Vec<u32>,
    positions: Vec<u32>,
    writes: Vec<(usize, usize)>,
    reads: Vec<(usize, usize)>,
}

/// A token to be fed at a position of a slot.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Row of the cache.
    pub slot: usize,
    /// Position of the token in its sequence, from 0.
    pub position: usize,
    /// The token.
    pub token: u32,
}

impl<B: Backend> GenerationState<B> {
    /// Sequences that fit.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Tokens that fit into a slot.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Logits of the last [`Decoder::decode`] or [`Decoder::prefill`], `[rows, vocab]`.
    pub fn logits(&self) -> &B::Buffer {
        &self.logits
    }

    /// Gives a slot the first `len` tokens of another.
    pub fn share(&mut self, backend: &B, from: usize, to: usize, len: usize) {
        backend.cache_copy(&mut self.cache, from, to, len);
    }
}

impl<B: Backend> Decoder<B> {
    /// Memory for `slots` sequences of up to `capacity` tokens.
    pub fn generation(&self, backend: &B, slots: usize, capacity: usize) -> GenerationState<B> {
        assert!(
            capacity <= self.context(),
            "capacity {capacity} over the context of {}",
            self.context()
        );
        let empty = || backend.zeros(0);
        GenerationState {
            cache: backend.kv_cache(self.config.attention, self.config.layers, slots, capacity),
            slots,
            capacity,
            prefill: Workspace::new(backend, &self.config, Retain::Nothing),
            x: empty(),
            normed: empty(),
            inv: empty(),
            qkv: empty(),
            qkv_raw: empty(),
            attention: empty(),
            gate_up: empty(),
            ffn: empty(),
            logits: empty(),
            ids: Vec::new(),
            positions: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
        }
    }

    /// Runs a prompt into `slot`, from position 0, and leaves the logits after its last token
    /// (one row).
    pub fn prefill(
        &self,
        backend: &B,
        state: &mut GenerationState<B>,
        slot: usize,
        prompt: &[u32],
    ) {
        let segments = Segments::from_lengths([prompt.len()]);
        state.writes.clear();
        state.writes.extend((0..prompt.len()).map(|p| (slot, p)));
        let (cache, writes) = (&mut state.cache, &state.writes);
        self.forward_with(backend, &mut state.prefill, prompt, &segments, |l, qkv| {
            backend.cache_write(cache, l, qkv, writes)
        });
        let hidden = self.config.hidden_size;
        backend.resize(&mut state.x, hidden);
        backend.gather_rows(
            hidden,
            &state.prefill.streams[0],
            &[prompt.len() as u32 - 1],
            &mut state.x,
        );
        self.head_logits(backend, state, 1);
    }

    /// Feeds one token to each of several slots and leaves the logits after them, in the same
    /// order. A row's result does not depend on the other rows.
    pub fn decode(&self, backend: &B, state: &mut GenerationState<B>, steps: &[Step]) {
        let c = &self.config;
        let (rows, a) = (steps.len(), c.attention);
        state.ids.clear();
        state.positions.clear();
        state.writes.clear();
        state.reads.clear();
        for s in steps {
            state.ids.push(s.token);
            state.positions.push(s.position as u32);
            state.writes.push((s.slot, s.position));
            state.reads.push((s.slot, s.position + 1));
        }
        for (buffer, width) in [
            (&mut state.x, c.hidden_size),
            (&mut state.normed, c.hidden_size),
            (&mut state.inv, a.heads),
            (&mut state.qkv, a.qkv_width()),
            (&mut state.attention, a.q_width()),
            (&mut state.gate_up, 2 * c.intermediate_size),
            (&mut state.ffn, c.intermediate_size),
        ] {
            backend.resize(buffer, rows * width);
        }
        let norm = self.hidden_norm();
        backend.embed(
            &self.weights[self.layout.embed],
            c.hidden_size,
            &state.ids,
            &mut state.x,
        );
        for (l, t) in self.layout.layers.iter().enumerate() {
            let w = &self.weights[t.attention_norm];
            backend.rms_norm(
                norm,
                rows,
                &state.x,
                w,
                c.rms_norm_eps,
                &mut state.normed,
                &mut state.inv,
            );
            let bias = t.qkv_bias.map(|b| &self.weights[b]);
            backend.linear(
                rows,
                &state.normed,
                &self.packed[t.qkv],
                bias,
                &mut state.qkv,
                false,
            );
            if let Some(weights) = t.qk_norm {
                backend.copy(&state.qkv, &mut state.qkv_raw);
                for (layout, w) in self.qk_norms().into_iter().zip(weights) {
                    backend.rms_norm(
                        layout,
                        rows,
                        &state.qkv_raw,
                        &self.weights[w],
                        c.rms_norm_eps,
                        &mut state.qkv,
                        &mut state.inv,
                    );
                }
            }
            backend.rope(a, &mut state.qkv, &state.positions, &self.rope, false);
            backend.cache_write(&mut state.cache, l, &state.qkv, &state.writes);
            backend.attention_cached(
                &state.cache,
                l,
                &state.qkv,
                &state.reads,
                &mut state.attention,
            );
            backend.linear(
                rows,
                &state.attention,
                &self.packed[t.output],
                None,
                &mut state.x,
                true,
            );
            let w = &self.weights[t.mlp_norm];
            backend.rms_norm(
                norm,
                rows,
                &state.x,
                w,
                c.rms_norm_eps,
                &mut state.normed,
                &mut state.inv,
            );
            backend.linear(
                rows,
                &state.normed,
                &self.packed[t.gate_up],
                None,
                &mut state.gate_up,
                false,
            );
            backend.swiglu(rows, c.intermediate_size, &state.gate_up, &mut state.ffn);
            backend.linear(
                rows,
                &state.ffn,
                &self.packed[t.down],
                None,
                &mut state.x,
                true,
            );
        }
        self.head_logits(backend, state, rows);
    }

    /// `state.logits = head(norm(state.x))`.
    fn head_logits(&self, backend: &B, state: &mut GenerationState<B>, rows: usize) {
        let c = &self.config;
        backend.resize(&mut state.normed, rows * c.hidden_size);
        backend.resize(&mut state.inv, rows);
        backend.resize(&mut state.logits, rows * c.vocab_size);
        backend.rms_norm(
            self.hidden_norm(),
            rows,
            &state.x,
            &self.weights[self.layout.norm],
            c.rms_norm_eps,
            &mut state.normed,
            &mut state.inv,
        );
        let head = &self.packed[self.layout.head];
        backend.linear(rows, &state.normed, head, None, &mut state.logits, false);
    }
}
