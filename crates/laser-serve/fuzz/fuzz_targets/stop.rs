//! Stop strings: the first line of the input has them, separated by `|`; each further line is a
//! piece of the text. What is let through does not depend on the pieces, and holds no stop string.

#![no_main]

use laser_openai::StopText;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let stops: Vec<String> = lines.next().unwrap_or_default().split('|').map(String::from).collect();
    let pieces: Vec<&str> = lines.collect();
    let through = |pieces: &[&str]| {
        let mut stop = StopText::new(&stops);
        let mut out: String = pieces.iter().map(|piece| stop.push(piece)).collect();
        out += &stop.finish();
        (out, stop.stopped())
    };
    let whole = pieces.concat();
    let (out, stopped) = through(&pieces);
    assert_eq!((out.clone(), stopped), through(&[&whole]));
    assert!(whole.starts_with(&out));
    let real = stops.iter().filter(|s| !s.is_empty());
    assert!(real.clone().all(|stop| !out.contains(stop.as_str())));
    assert_eq!(stopped, real.clone().any(|stop| whole.contains(stop.as_str())));
});
