//! TensorBoard event files, written from the lines of `metrics.jsonl` and `evals.jsonl`.
//!
//! A file is a sequence of TFRecords: the length of the data (u64), its CRC, the data, and the
//! data's CRC, little-endian, with CRC-32C "masked" so that a CRC of data that holds CRCs stays
//! good. The data is a protocol buffer `Event` (tensorflow/core/util/event.proto), of which we
//! write the scalars: a handful of fields, so they are encoded by hand.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc, Table};
use serde_json::{Map, Value};

use crate::TrainError;
use crate::files::{create_folder, remove_folder};
use crate::log::is_warm_start;

const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The event file of a run.
pub(crate) struct Events {
    path: PathBuf,
    file: File,
    /// Wall time of the last step, seconds since 1970: that of the tests after it.
    time: f64,
}

impl Events {
    /// Replaces the event files of `dir` by one with what `metrics` and `evals` hold, so that
    /// steps that a resumed run makes again are there once. Without `wanted` there is none.
    /// `now` is in seconds since 1970.
    pub(crate) fn restart(
        dir: &Path,
        wanted: bool,
        now: f64,
        metrics: &[Value],
        evals: &[Value],
    ) -> Result<Option<Self>, TrainError> {
        remove_folder(dir)?;
        if !wanted {
            return Ok(None);
        }
        create_folder(dir)?;
        // A reader that watches the folder goes on to the file whose name comes next.
        let path = dir.join(format!("events.out.tfevents.{:010}.laser", now as u64));
        let mut options = OpenOptions::new();
        let file = options.create_new(true).append(true).open(&path);
        let file = file.map_err(|e| TrainError::io(&path, e))?;
        let first = metrics.iter().find_map(|line| line["time"].as_f64());
        let mut events = Events {
            path,
            file,
            time: first.unwrap_or(now),
        };
        events.write(
            &[
                record(&file_version(events.time)),
                record(&start(events.time)),
            ]
            .concat(),
        )?;
        let mut bytes = Vec::new();
        let mut tests = evals.iter().peekable();
        for line in metrics.iter().filter_map(Value::as_object) {
            // The test after step N comes before the line of step N + 1.
            while let Some(test) =
                tests.next_if(|t| !is_warm_start(line) && step(t) < step_of(line))
            {
                bytes.extend(events.test_record(test));
            }
            bytes.extend(events.step_record(line));
        }
        for test in tests {
            bytes.extend(events.test_record(test));
        }
        events.write(&bytes)?;
        Ok(Some(events))
    }

    /// Writes the numbers of a line of `metrics.jsonl`.
    pub(crate) fn step(&mut self, line: &Map<String, Value>) -> Result<(), TrainError> {
        let bytes = self.step_record(line);
        self.write(&bytes)
    }

    /// Writes the numbers of a line of `evals.jsonl`.
    pub(crate) fn test(&mut self, line: &Value) -> Result<(), TrainError> {
        let bytes = self.test_record(line);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| TrainError::io(&self.path, e))
    }

    fn step_record(&mut self, line: &Map<String, Value>) -> Vec<u8> {
        self.time = line
            .get("time")
            .and_then(Value::as_f64)
            .unwrap_or(self.time);
        record(&scalars(self.time, step_of(line), &step_scalars(line)))
    }

    fn test_record(&self, line: &Value) -> Vec<u8> {
        record(&scalars(self.time, step(line), &test_scalars(line)))
    }
}

fn step(line: &Value) -> u64 {
    line["step"].as_u64().unwrap_or(0)
}

fn step_of(line: &Map<String, Value>) -> u64 {
    line.get("step").and_then(Value::as_u64).unwrap_or(0)
}

/// The numbers of a step with their tags; groups such as `seconds` give a tag to each member. The
/// warm start counts its own steps, so its tags are its own too.
fn step_scalars(line: &Map<String, Value>) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    for (key, value) in line {
        if key == "step" || key == "time" {
            continue;
        }
        let tag = match is_warm_start(line) && !key.starts_with("sft/") {
            true => format!("sft/{key}"),
            false => key.clone(),
        };
        match value {
            Value::Number(x) => found.extend(x.as_f64().map(|x| (tag, x))),
            Value::Object(parts) => found.extend(
                parts
                    .iter()
                    .filter_map(|(part, x)| Some((format!("{tag}/{part}"), x.as_f64()?))),
            ),
            _ => {}
        }
    }
    found
}

/// The numbers of a test with their tags, estimates without their intervals.
fn test_scalars(line: &Value) -> Vec<(String, f64)> {
    fn walk(tag: &str, value: &Value, found: &mut Vec<(String, f64)>) {
        match value {
            Value::Number(x) => found.extend(x.as_f64().map(|x| (tag.to_owned(), x))),
            Value::Object(parts) => match parts.get("value") {
                Some(estimate) => walk(tag, estimate, found),
                None => {
                    for (part, value) in parts {
                        walk(&format!("{tag}/{part}"), value, found);
                    }
                }
            },
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (key, value) in line.as_object().into_iter().flatten() {
        if key != "step" {
            walk(&format!("test/{key}"), value, &mut found);
        }
    }
    found
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked_crc(data).to_le_bytes());
    bytes
}

fn masked_crc(bytes: &[u8]) -> u32 {
    CRC32C
        .checksum(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// Wire types of protocol buffers.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// `Event { wall_time = 1; file_version = 3 }`, the first of a file.
fn file_version(time: f64) -> Vec<u8> {
    let mut event = head(time, 0);
    put_bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { session_log = 7 { status = 1: START } }` at step 0: a reader that watches drops what
/// it has read of an earlier file.
fn start(time: f64) -> Vec<u8> {
    let mut event = head(time, 0);
    put_bytes(&mut event, 7, &[1 << 3 | VARINT, 1]);
    event
}

/// `Event { summary = 5 { value = 1 { tag = 1; simple_value = 2 } … } }`.
fn scalars(time: f64, step: u64, scalars: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, x) in scalars {
        let mut value = Vec::new();
        put_bytes(&mut value, 1, tag.as_bytes());
        value.push(2 << 3 | FIXED32);
        value.extend((*x as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &value);
    }
    let mut event = head(time, step);
    put_bytes(&mut event, 5, &summary);
    event
}

/// `wall_time = 1` and `step = 2`, which is left out where it is 0, as protocol buffers do.
fn head(time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | FIXED64];
    event.extend(time.to_le_bytes());
    if step > 0 {
        event.push(2 << 3 | VARINT);
        put_varint(&mut event, step);
    }
    event
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

#[cfg(test)]
mod tests;
