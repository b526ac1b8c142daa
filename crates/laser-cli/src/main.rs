use std::path::PathBuf;
use std::sync::Arc;
use laser_train::*;
struct P;
impl Observer for P {
    fn step(&mut self, _p: Phase, m: &serde_json::Map<String, serde_json::Value>) {
        let s = m["step"].as_u64().unwrap();
        if s % 20 == 0 || s==1 {
            let mut o = String::new();
            for k in ["step","sft/loss","sft/self_logp","reward/mean","reward/uniform_groups","policy/entropy","policy/kl","policy/logprob_mismatch","self_reward/mse","self_reward/f1","self_reward/tpr","self_reward/tnr","self_reward/auroc","rollout/truncated","rollout/length_mean","optim/grad_norm","seconds"] { if let Some(v)=m.get(k) { o += &format!("{}={} ", k.rsplit('/').next().unwrap(), if let Some(f)=v.as_f64() {format!("{f:.3}")} else {v.to_string()}); } }
            eprintln!("{o}");
        }
    }
    fn tested(&mut self, step: u64, e: &laser_rl::Evaluation) {
        let f=|e:&laser_rl::Estimate| format!("{:.3}[{:.3},{:.3}]", e.value.unwrap_or(f64::NAN), e.low.unwrap_or(f64::NAN), e.high.unwrap_or(f64::NAN));
        eprintln!("TEST {step}: acc {} f1 {} tpr {} tnr {} auroc {} ece {}", f(&e.accuracy), f(&e.self_verification.f1), f(&e.self_verification.tpr), f(&e.self_verification.tnr), f(&e.self_verification.auroc), f(&e.self_verification.ece));
        for k in e.maj_at.keys() { eprintln!("   k={k} pass {} maj {} weighted {} best {} w-m {}", f(&e.pass_at[k]), f(&e.maj_at[k]), f(&e.weighted_at[k]), f(&e.best_at[k]), f(&e.weighted_minus_maj[k])); }
    }
    fn note(&mut self, t: &str) { eprintln!("note: {t}"); }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let sets: Vec<String> = a[2..].to_vec();
    let recipe = Recipe::parse("x", "", &sets).unwrap_or_else(|e| {eprintln!("{e}"); std::process::exit(2)});
    let out = PathBuf::from(&a[1]);
    let o = RunOptions { out: out.clone(), resume: false, base: None, threads: 0, resume_command: String::new() };
    let r = Run::new(recipe, o, Arc::default(), &mut P).execute();
    match r { Ok(o) => { eprintln!("seconds {}", o.seconds); println!("{:?}", laser_report::write(&out)); }, Err(e) => eprintln!("error: {e}") }
}
