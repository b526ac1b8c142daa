//! Renders the run in a folder: `cargo run -p laser-report --example render -- DIR`

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: render DIR")?;
    println!("{}", laser_report::write(Path::new(&dir))?.display());
    Ok(())
}
