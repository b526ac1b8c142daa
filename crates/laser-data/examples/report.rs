//! Reads a `[data]` table from a file and prints what loading it did, and the first problem of each
//! side: `cargo run -p laser-data --example report -- FILE.toml`.
//!
//! Paths in the table are seen from the folder of the file. Tokens are counted as words.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use laser_data::{Data, Problem, Settings, Wanted};

fn main() -> Result<(), Box<dyn Error>> {
    let file = PathBuf::from(std::env::args().nth(1).ok_or("which file?")?);
    let settings: Settings = toml::from_str(&std::fs::read_to_string(&file)?)?;
    let folder = file.parent().unwrap_or(&file);
    let start = Instant::now();
    let words = |problem: &Problem| -> Result<usize, std::convert::Infallible> {
        let messages = problem.messages(&settings);
        Ok(messages
            .iter()
            .map(|m| m.content.split_whitespace().count())
            .sum())
    };
    let data = Data::load(&settings, folder, Wanted::ANSWER, Wanted::ANSWER, words)?;
    print!("{}", data.report);
    for side in [&data.train, &data.test].into_iter().flatten() {
        println!("\n{:#?}", side.problem(0, 0));
    }
    eprintln!("took {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}
