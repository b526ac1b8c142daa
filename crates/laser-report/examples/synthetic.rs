//! Writes a made-up run into a folder and renders it, to look at the page while changing it:
//! `cargo run -p laser-report --example synthetic -- DIR [STEPS]`

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("usage: synthetic DIR [STEPS]")?);
    let steps = arguments.next().map_or(Ok(500), |s| s.parse())?;
    std::fs::create_dir_all(&dir)?;
    synthetic::write_run(&dir, steps);
    println!("{}", laser_report::write(&dir)?.display());
    Ok(())
}
