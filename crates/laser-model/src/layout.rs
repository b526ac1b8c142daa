//! Which weight tensors a decoder has, how they are stored, and their names on disk.

use std::ops::Range;

use crate::ModelConfig;

/// A tensor as it is stored: `[rows, cols]`, row-major, made of one or more named tensors one
/// below the other (q, k and v share one matrix product; so do gate and up).
#[derive(Clone, Debug)]
pub struct TensorSpec {
    /// Outputs of a matrix, or length of a vector.
    pub rows: usize,
    /// Inputs of a matrix; 1 for a vector.
    pub cols: usize,
    /// The named tensors and the rows that they take.
    pub parts: Vec<Part>,
    /// How a fresh model fills it.
    pub init: Init,
    /// A matrix, as opposed to a norm weight or a bias: two-dimensional on disk, and decayed by
    /// the optimizer.
    pub matrix: bool,
}

/// A named tensor inside a stored one.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name in the checkpoint.
    pub name: String,
    /// Its rows.
    pub rows: Range<usize>,
}

/// How a fresh tensor is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Ones: norm weights.
    Ones,
    /// Zeros: biases.
    Zeros,
    /// Normal with the configuration's `initializer_range`.
    Normal,
    /// Normal, narrowed by √(2 · layers): projections onto the residual stream (GPT-2).
    ResidualNormal,
}

impl TensorSpec {
    /// Floats.
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether there are none, which no decoder has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of a part on disk.
    pub fn part_shape(&self, part: &Part) -> Vec<usize> {
        match self.matrix {
            true => vec![part.rows.len(), self.cols],
            false => vec![part.rows.len()],
        }
    }

    /// The floats of a part.
    pub fn part_range(&self, part: &Part) -> Range<usize> {
        part.rows.start * self.cols..part.rows.end * self.cols
    }
}

/// Indices of a block's tensors in [`Layout::tensors`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerTensors {
    pub attention_norm: usize,
    pub qkv: usize,
    pub qkv_bias: Option<usize>,
    /// Query norm, key norm.
    pub qk_norm: Option<[usize; 2]>,
    pub output: usize,
    pub mlp_norm: usize,
    pub gate_up: usize,
    pub down: usize,
}

/// All tensors of a decoder.
#[derive(Clone, Debug)]
pub struct Layout {
    /// In the order of the forward pass.
    pub tensors: Vec<TensorSpec>,
    pub(crate) embed: usize,
    pub(crate) layers: Vec<LayerTensors>,
    pub(crate) norm: usize,
    /// The embedding again when the head is tied.
    pub(crate) head: usize,
}

impl Layout {
    /// The tensors of a configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let mut tensors = Vec::new();
        let mut add = |cols: usize, init: Init, parts: Vec<(String, usize)>| {
            let mut rows = 0;
            let parts = parts
                .into_iter()
                .map(|(name, n)| {
                    rows += n;
                    Part {
                        name,
                        rows: rows - n..rows,
                    }
                })
                .collect();
            tensors.push(TensorSpec {
                rows,
                cols,
                parts,
                init,
                matrix: matches!(init, Init::Normal | Init::ResidualNormal),
            });
            tensors.len() - 1
        };
        let (hidden, ffn, a) = (
            config.hidden_size,
            config.intermediate_size,
            config.attention,
        );
        let (q, kv) = (a.q_width(), a.kv_heads * a.head_dim);
        let embed = add(
            hidden,
            Init::Normal,
            vec![("model.embed_tokens.weight".into(), config.vocab_size)],
        );
        let layers = (0..config.layers)
            .map(|l| {
                let name = |s: &str| format!("model.layers.{l}.{s}");
                let one = |s: &str, n: usize| vec![(name(s), n)];
                let qkv = |kind: &str| {
                    vec![
                        (name(&format!("self_attn.q_proj.{kind}")), q),
                        (name(&format!("self_attn.k_proj.{kind}")), kv),
                        (name(&format!("self_attn.v_proj.{kind}")), kv),
                    ]
                };
                LayerTensors {
                    attention_norm: add(1, Init::Ones, one("input_layernorm.weight", hidden)),
                    qkv: add(hidden, Init::Normal, qkv("weight")),
                    qkv_bias: config.qkv_bias().then(|| add(1, Init::Zeros, qkv("bias"))),
                    qk_norm: config.qk_norm().then(|| {
                        ["self_attn.q_norm.weight", "self_attn.k_norm.weight"]
                            .map(|s| add(1, Init::Ones, one(s, a.head_dim)))
                    }),
                    output: add(
                        q,
                        Init::ResidualNormal,
                        one("self_attn.o_proj.weight", hidden),
                    ),
                    mlp_norm: add(
                        1,
                        Init::Ones,
                        one("post_attention_layernorm.weight", hidden),
                    ),
                    gate_up: add(
                        hidden,
                        Init::Normal,
                        vec![
                            (name("mlp.gate_proj.weight"), ffn),
                            (name("mlp.up_proj.weight"), ffn),
                        ],
                    ),
                    down: add(
                        ffn,
                        Init::ResidualNormal,
                        one("mlp.down_proj.weight", hidden),
                    ),
                }
            })
            .collect();
        let norm = add(1, Init::Ones, vec![("model.norm.weight".into(), hidden)]);
        let head = match config.tied {
            true => embed,
            false => add(
                hidden,
                Init::Normal,
                vec![("lm_head.weight".into(), config.vocab_size)],
            ),
        };
        Layout {
            tensors,
            embed,
            layers,
            norm,
            head,
        }
    }
}
