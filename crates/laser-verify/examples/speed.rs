use laser_verify::*;
use std::io::BufRead;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let pairs: Vec<(String, String, String)> =
        std::io::BufReader::new(std::fs::File::open(path).unwrap())
            .lines()
            .map(|l| {
                let v: serde_json::Value = serde_json::from_str(&l.unwrap()).unwrap();
                (
                    v["gold"].as_str().unwrap().into(),
                    v["answer"].as_str().unwrap().into(),
                    format!("{} {}", v["set"], v["id"]),
                )
            })
            .collect();
    let v = Verifier::default();
    for round in 0..3 {
        let mut times: Vec<(u128, usize)> = Vec::new();
        let t = std::time::Instant::now();
        for (i, (g, a, _)) in pairs.iter().enumerate() {
            let s = std::time::Instant::now();
            std::hint::black_box(v.verify(g, a));
            times.push((s.elapsed().as_nanos(), i));
        }
        let total = t.elapsed();
        times.sort();
        let at = |q: f64| {
            times[((times.len() as f64 * q) as usize).min(times.len() - 1)].0 as f64 / 1000.0
        };
        println!(
            "{:.0} pairs/s p50 {:.1} us p90 {:.1} p99 {:.1} max {:.1}",
            pairs.len() as f64 / total.as_secs_f64(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
        if round == 2 {
            for (ns, i) in times.iter().rev().take(12) {
                println!(
                    "{} us {} | {} | {}",
                    ns / 1000,
                    pairs[*i].2,
                    pairs[*i].0.chars().take(90).collect::<String>(),
                    pairs[*i]
                        .1
                        .chars()
                        .rev()
                        .take(90)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev()
                        .collect::<String>()
                );
            }
        }
    }
    let n = pairs.len();
    let t = std::time::Instant::now();
    for (_, a, _) in &pairs {
        std::hint::black_box(extract::candidates(a, &v.extraction, &v.limits)).ok();
    }
    println!(
        "extract {:.2} us",
        t.elapsed().as_secs_f64() * 1e6 / n as f64
    );
    let t = std::time::Instant::now();
    for (g, _, _) in &pairs {
        std::hint::black_box(v.read_gold(g)).ok();
    }
    println!("gold {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n as f64);
    let golds: Vec<_> = pairs
        .iter()
        .map(|(g, _, _)| v.read_gold(g).unwrap())
        .collect();
    let t = std::time::Instant::now();
    for (g, (_, a, _)) in golds.iter().zip(&pairs) {
        std::hint::black_box(v.verify_read(g, a));
    }
    println!(
        "verify_read {:.2} us",
        t.elapsed().as_secs_f64() * 1e6 / n as f64
    );
}
