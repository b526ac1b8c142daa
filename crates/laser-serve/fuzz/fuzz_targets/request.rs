//! Bodies of requests: no panic; what is read is within the limits; what is not is refused with
//! 400 and a reason; the same twice.

#![no_main]

use laser_openai::request::{Limits, Settings, chat, completion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    let chats = chat(body, &limits);
    match &chats {
        Ok(read) => check(&read.settings, &limits),
        Err(error) => assert!(error.status == 400 && !error.message.is_empty()),
    }
    assert_eq!(chats, chat(body, &limits));
    let completions = completion(body, &limits);
    match &completions {
        Ok(read) => {
            check(&read.settings, &limits);
            assert!(!read.prompts.is_empty());
            assert!(read.prompts.len() * read.settings.n <= limits.samples);
        }
        Err(error) => assert!(error.status == 400 && !error.message.is_empty()),
    }
    assert_eq!(completions, completion(body, &limits));
});

fn check(s: &Settings, limits: &Limits) {
    assert!((1..=limits.samples).contains(&s.n));
    assert!((0.0..=2.0).contains(&s.temperature));
    assert!(s.top_p > 0.0 && s.top_p <= 1.0);
    assert!((0.0..=1.0).contains(&s.min_p));
    assert!(s.max_tokens != Some(0));
    assert!(s.stop.len() <= 4 && s.stop.iter().all(|stop| !stop.is_empty()));
    assert!(s.logprobs.is_none_or(|n| n <= limits.top_logprobs));
    if let Some(vote) = &s.vote {
        assert!((1..=limits.samples).contains(&vote.samples) && s.n == 1 && s.stop.is_empty());
    }
}
