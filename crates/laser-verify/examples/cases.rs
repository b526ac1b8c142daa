use laser_verify::*;
use serde_json::Value;
use std::io::BufRead;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let verbose = std::env::args().nth(2).is_some();
    let (mut total, mut bad, mut un) = (0, 0, 0);
    for line in std::io::BufReader::new(std::fs::File::open(path).unwrap()).lines() {
        let line = line.unwrap();
        let v: Value = serde_json::from_str(&line).unwrap();
        let mut verifier = Verifier::default();
        if let Some(d) = v["decimal_places"].as_u64() {
            verifier.rules.decimal_places = d as u32;
        }
        if v["relations_as_sets"] == true {
            verifier.rules.relations_as_sets = true;
        }
        if v["ignore_variable_names"] == true {
            verifier.rules.ignore_variable_names = true;
        }
        let gold = v["gold"].as_str().unwrap();
        let answer = v["answer"].as_str().unwrap();
        let start = std::time::Instant::now();
        let out = verifier.verify(gold, answer);
        let t = start.elapsed();
        total += 1;
        let ok = out.verdict.is_equal() == v["equal"].as_bool().unwrap_or(false);
        if matches!(out.verdict, Verdict::Unparseable(_)) {
            un += 1;
        }
        if !ok || t.as_millis() > 20 || (verbose && matches!(out.verdict, Verdict::Unparseable(_)))
        {
            bad += usize::from(!ok);
            let g = verifier.read_gold(gold);
            let cut = |s: &str| {
                let n = s.chars().count();
                if n > 160 {
                    format!("…{}", s.chars().skip(n - 160).collect::<String>())
                } else {
                    s.to_string()
                }
            };
            println!(
                "{} {} want={} got={} {:?}\n   gold {}\n   ans  {}\n   ext  {:?}\n   read {}\n   ansread {}",
                if ok { "ok " } else { "BAD" },
                v["id"],
                v["equal"],
                out.verdict,
                t,
                cut(gold),
                cut(answer),
                out.extracted,
                cut(&format!("{g:?}")),
                cut(&format!(
                    "{:?}",
                    out.extracted
                        .as_deref()
                        .map(|e| laser_verify::parse::parse(e, &Default::default()))
                ))
            );
        }
    }
    println!("total {total} bad {bad} unparseable {un}");
}
