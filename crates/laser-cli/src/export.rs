//! `laser export`.

use std::path::PathBuf;

use anyhow::Result;
use laser_model::checkpoint::WeightType;
use laser_train::{ExportOptions, export};

use crate::output;

/// Writes a model as a folder that transformers and vLLM load
///
/// An adapter is merged into its base model. Tokenizer, chat template, generation settings and
/// laser.json go along. The folder appears whole or not at all, and one with something in it is
/// refused. Weights pass through memory one tensor at a time.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser export --model runs/sft/checkpoints/step-1000 --out model
  laser export --model runs/lora/checkpoints/step-200 --out merged --dtype bfloat16
  laser export --model Qwen/Qwen2.5-0.5B --out half --dtype float16 --max-shard-size 500MB")]
pub struct Args {
    /// A model folder, an adapter folder, or a model's name on the hub
    #[arg(long, value_name = "DIR")]
    model: String,
    /// The new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Type of the weights [default: that of the model's config.json, else float32]
    #[arg(long, value_parser = dtype, value_name = "float32|float16|bfloat16")]
    dtype: Option<WeightType>,
    /// Weights that take more are cut into files of at most this size, each of one tensor at least
    #[arg(long, default_value = "5GB", value_parser = size, value_name = "SIZE")]
    max_shard_size: u64,
    /// Threads [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let options = ExportOptions {
        dtype: args.dtype,
        max_shard_bytes: args.max_shard_size,
        threads: args.threads,
    };
    let made = export(&args.model, &args.out, &options)?;
    if let Some(rank) = made.adapter_rank {
        output::log(format_args!("merged an adapter of rank {rank}"));
    }
    output::log(format_args!(
        "{} weights as {} in {} file(s)",
        made.parameters,
        made.dtype.name(),
        made.shards
    ));
    output::data(args.out.display())
}

fn dtype(name: &str) -> Result<WeightType, String> {
    use WeightType::{Bfloat16, Float16, Float32};
    let types = [Float32, Float16, Bfloat16].into_iter();
    types.clone().find(|t| t.name() == name).ok_or_else(|| {
        format!(
            "expected {}",
            types.map(WeightType::name).collect::<Vec<_>>().join(", ")
        )
    })
}

/// Bytes, as transformers writes sizes: a whole number with a unit, decimal (KB, MB, GB) or binary
/// (KiB, MiB, GiB).
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let unit = UNITS.iter().find_map(|(unit, bytes)| {
        let number = text.strip_suffix(unit)?;
        number.trim().parse::<u64>().ok()?.checked_mul(*bytes)
    });
    let bytes = unit.or_else(|| text.parse().ok()).filter(|b| *b > 0);
    bytes.ok_or_else(|| "expected a whole number above 0 with a unit, such as 5GB or 500MiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, bytes) in [
            ("5GB", 5_000_000_000),
            ("2 MiB", 2 << 20),
            ("700KB", 700_000),
            ("12B", 12),
            ("12", 12),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "GB",
            "-1GB",
            "0",
            "0KB",
            "1.5GB",
            "5TB",
            "99999999999GB",
        ] {
            assert!(size(text).unwrap_err().contains("such as 5GB"), "{text}");
        }
    }
}
