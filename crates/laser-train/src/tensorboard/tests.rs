use super::*;
use serde_json::json;

/// What TensorBoard's own writer makes of the lines below: `tests/tensorboard/make.py`.
const GOLDEN: &[u8] = include_bytes!("../../tests/tensorboard/golden.tfevents");

fn metrics() -> Vec<Value> {
    vec![
        json!({"step": 1, "time": 1700000000.25, "policy/entropy": 0.125, "rollout/truncated": 0}),
        json!({"step": 300, "time": 1700000001.5, "policy/entropy": 1e-3,
               "self_reward/logp_correct": -14.987654, "self_reward/logp_incorrect": null}),
    ]
}

fn evals() -> Vec<Value> {
    let accuracy = json!({"value": 0.6, "low": 0.5, "high": 0.7});
    let undefined = json!({"value": null, "low": null, "high": null});
    vec![json!({"step": 300, "accuracy": accuracy, "maj_at": {"8": undefined}})]
}

/// The one file of a folder.
fn only_file(dir: &Path) -> Vec<u8> {
    let files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("events.out.tfevents."), "{name}");
    std::fs::read(&files[0]).unwrap()
}

#[test]
fn a_file_is_byte_for_byte_that_of_tensorboards_own_writer() {
    let dir = tempfile::tempdir().unwrap();
    let restart = |metrics: &[Value], evals: &[Value]| {
        let dir = dir.path().join("tensorboard");
        let events = Events::restart(&dir, true, 1700000000.25, metrics, evals).unwrap();
        (dir, events.unwrap())
    };
    // Written line by line as a run does …
    let (path, mut events) = restart(&[], &[]);
    for line in metrics() {
        events.step(line.as_object().unwrap()).unwrap();
    }
    events.test(&evals()[0]).unwrap();
    assert!(only_file(&path) == GOLDEN);
    // … and from the lines of a run that goes on, in the place of the file before.
    let (path, _) = restart(&metrics(), &evals());
    assert!(only_file(&path) == GOLDEN);
    assert!(
        Events::restart(&path, false, 0.0, &[], &[])
            .unwrap()
            .is_none()
    );
    assert!(!path.exists());
}

/// CRC-32C bit by bit, from its polynomial.
fn slow_crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0x82f6_3b78,
            _ => crc >> 1,
        })
    })
}

/// The data of the records of a file, lengths and CRCs checked.
fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let masked = |data: &[u8]| {
        let crc = slow_crc32c(data);
        crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
    };
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(bytes[8..12], masked(&bytes[..8]));
        let data = &bytes[12..12 + length];
        assert_eq!(bytes[12 + length..16 + length], masked(data));
        found.push(data.to_vec());
        bytes = &bytes[16 + length..];
    }
    found
}

#[test]
fn records_are_framed_with_the_crcs_of_an_independent_implementation() {
    assert_eq!(slow_crc32c(b"123456789"), 0xe306_9283); // RFC 3720's polynomial, check value
    let data: Vec<Vec<u8>> = (0..300).map(|n| vec![n as u8; n]).collect();
    let file: Vec<u8> = data.iter().flat_map(|d| record(d)).collect();
    assert_eq!(records(&file), data);
    assert_eq!(records(GOLDEN).len(), 5);
}

#[test]
fn the_warm_start_and_the_groups_have_tags_of_their_own() {
    let tags = |line: Value| -> Vec<String> {
        let mut tags: Vec<String> = step_scalars(line.as_object().unwrap())
            .into_iter()
            .map(|s| s.0)
            .collect();
        tags.sort();
        tags
    };
    let line = json!({"phase": "sft", "step": 1, "time": 1.0, "sft/loss": 2.0,
                      "optim/lr": 0.1, "seconds": {"train": 1.0}});
    assert_eq!(
        tags(line),
        ["sft/loss", "sft/optim/lr", "sft/seconds/train"]
    );
    let line = json!({"step": 1, "tokens": {"rollout": 5, "train": 9}, "self_reward/f1": null,
                      "warnings": [{"smell": "a", "text": "b"}]});
    assert_eq!(tags(line), ["tokens/rollout", "tokens/train"]);
}

#[test]
fn the_tests_of_a_run_that_goes_on_stand_between_its_steps() {
    let dir = tempfile::tempdir().unwrap();
    let line = |step: u64| json!({"step": step, "time": step, "a": step});
    let sft = json!({"phase": "sft", "step": 7, "time": 0.5, "a": 1});
    let metrics = [sft, line(1), line(2), line(3)];
    let evals = [json!({"step": 2, "accuracy": {"value": 1.0}})];
    Events::restart(dir.path(), true, 9.0, &metrics, &evals).unwrap();
    let has = |r: &Vec<u8>, tag: &str| r.windows(tag.len()).any(|w| w == tag.as_bytes());
    let records = records(&only_file(dir.path()));
    let places: Vec<usize> = (0..records.len())
        .filter(|i| has(&records[*i], "test/accuracy"))
        .collect();
    // Version, start, warm start, steps 1 and 2, the test, step 3.
    assert_eq!((places, records.len()), (vec![5], 7));
}
