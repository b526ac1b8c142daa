use laser_verify::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let v = Verifier::default();
    let t = std::time::Instant::now();
    let out = v.verify(&a[1], &a[2]);
    println!(
        "{} {:?} {:?}\n {:?}\n {:?}",
        out.verdict,
        out.extracted,
        t.elapsed(),
        v.read_gold(&a[1]),
        out.extracted.as_deref().map(|e| parse::parse(e, &v.limits))
    );
}
