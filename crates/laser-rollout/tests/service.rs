//! The service on a tiny checkpoint in `fixtures/`.

mod common;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use common::{ZC, generation, requests};
use laser_kernels::Cpu;
use laser_model::Decoder;
use laser_rng::Rng;
use laser_rollout::{
    Engine, Event, Generation, Job, LocalEngine, Memory, Monitor, Refused, Request, Response,
    RolloutError, Sampling, Service, ServiceOptions, Sink, Ticket,
};

const CONTEXT: usize = 16_384;
/// Long enough for any of this on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn decoder() -> Arc<Decoder<Cpu>> {
    static DECODER: OnceLock<Arc<Decoder<Cpu>>> = OnceLock::new();
    DECODER
        .get_or_init(|| Arc::new(common::decoder(CONTEXT)))
        .clone()
}

fn service(threads: usize, rows: usize, queue: usize) -> Service {
    let options = ServiceOptions {
        threads,
        rows,
        capacity: 0,
        queue,
    };
    Service::start(decoder(), options).unwrap()
}

fn job(request: &Request, generation: Generation) -> Job {
    Job {
        request: request.clone(),
        generation,
        top_logprobs: 0,
        client: 0,
    }
}

/// A job that runs until it is cancelled: its end is far beyond that of a test.
fn endless(samples: usize) -> Job {
    let request = Request {
        prompt: vec![1, 2, 3],
        samples,
        seed: vec![5],
    };
    let generation = Generation {
        max_new_tokens: CONTEXT - 100,
        stop: vec![],
        ..generation()
    };
    job(&request, generation)
}

fn submit(service: &Service, job: Job) -> (Ticket, Receiver<Event>) {
    let (sender, events) = channel();
    let sink: Sink = Box::new(move |event| {
        // A test that has seen enough no longer listens.
        let _ = sender.send(event);
    });
    (service.submit(job, sink).unwrap(), events)
}

/// Everything that a job says; the sink is dropped when it has ended.
fn all(events: &Receiver<Event>) -> Vec<Event> {
    let started = Instant::now();
    std::iter::from_fn(|| {
        let left = PATIENCE.saturating_sub(started.elapsed());
        match events.recv_timeout(left) {
            Ok(event) => Some(event),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(e) => panic!("the job did not end: {e}"),
        }
    })
    .collect()
}

/// The responses of a job, which agree with its tokens.
fn responses(events: Vec<Event>) -> Vec<Response> {
    let mut tokens: BTreeMap<usize, Vec<(u32, f32)>> = BTreeMap::new();
    let mut done = BTreeMap::new();
    for event in events {
        match event {
            Event::Token {
                sample,
                id,
                logprob,
                ..
            } => {
                assert!(!done.contains_key(&sample), "a token after the end");
                tokens.entry(sample).or_default().push((id, logprob));
            }
            Event::Done { sample, response } => {
                let said = tokens.remove(&sample).unwrap_or_default();
                let (ids, logprobs): (Vec<_>, Vec<_>) = said.into_iter().unzip();
                assert_eq!((&ids, &logprobs), (&response.ids, &response.logprobs));
                assert!(done.insert(sample, response).is_none());
            }
            Event::Failed(e) => panic!("{e}"),
        }
    }
    assert!(tokens.is_empty());
    done.into_values().collect()
}

/// Waits until something is so.
fn eventually(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn rest(service: &Service) {
    eventually("all rows are free", || {
        let load = service.load();
        load.running == 0 && load.waiting == 0 && load.waiting_requests == 0
    });
}

fn locally(requests: &[Request], generation: &Generation) -> Vec<Vec<Response>> {
    let (decoder, memory) = (decoder(), Memory::new(7));
    let cpu = Cpu::new(1).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    engine
        .generate(requests, generation, &Monitor::default())
        .unwrap()
}

fn greedy() -> Generation {
    Generation {
        sampling: Sampling {
            temperature: 0.0,
            ..Default::default()
        },
        ..generation()
    }
}

#[test]
fn responses_have_the_bits_of_the_local_engine_whatever_else_is_in_flight() {
    let requests = requests();
    let expected = [generation(), greedy()].map(|g| locally(&requests, &g));
    for threads in [1, 2] {
        let service = service(threads, 4, 100);
        let noise = submit(&service, endless(5));
        let jobs: Vec<_> = [generation(), greedy()]
            .iter()
            .flat_map(|g| requests.iter().map(|r| job(r, g.clone())))
            .enumerate()
            .map(|(i, job)| {
                let client = i as u64 % 3;
                submit(&service, Job { client, ..job })
            })
            .collect();
        for ((_ticket, events), expected) in jobs.iter().zip(expected.iter().flatten()) {
            assert_eq!(&responses(all(events)), expected);
        }
        drop(noise);
        rest(&service);
    }
}

#[test]
fn a_prompt_is_read_once_for_all_samples_on_a_thread_and_for_the_same_prompt_later() {
    let requests = requests();
    for rows in [1, 3, 8] {
        let service = service(1, rows, 10);
        // The second time another request.
        for _ in 0..2 {
            let (_ticket, events) = submit(&service, job(&requests[2], generation()));
            assert_eq!(responses(all(&events)).len(), 6);
        }
        let load = service.load();
        assert_eq!(load.prompt_tokens, requests[2].prompt.len() as u64);
        assert!(load.tokens > 12);
    }
}

#[test]
fn each_token_comes_with_the_likeliest_ones_in_its_place() {
    let service = service(1, 2, 10);
    let job = Job {
        top_logprobs: 4,
        ..job(&requests()[1], greedy())
    };
    let (_ticket, events) = submit(&service, job);
    let mut tokens = 0;
    for event in all(&events) {
        let Event::Token {
            id, logprob, top, ..
        } = event
        else {
            continue;
        };
        tokens += 1;
        assert_eq!(top.len(), 4);
        // z_c is never sampled, whether it is likely or not.
        let likeliest = top.iter().find(|t| t.0 != ZC);
        assert_eq!(likeliest, Some(&(id, logprob)));
        assert!(
            top.windows(2)
                .all(|w| w[0].1 > w[1].1 || (w[0].1 == w[1].1 && w[0].0 < w[1].0))
        );
    }
    assert!(tokens > 0);
}

#[test]
fn a_cancelled_job_frees_its_rows_and_says_nothing_more() {
    let service = service(2, 2, 10);
    let (ticket, events) = submit(&service, endless(9));
    assert!(events.recv_timeout(PATIENCE).is_ok());
    ticket.cancel();
    assert!(
        all(&events)
            .iter()
            .all(|e| matches!(e, Event::Token { .. }))
    );
    rest(&service);
    // Dropping the ticket is the same.
    let (ticket, events) = submit(&service, endless(9));
    assert!(events.recv_timeout(PATIENCE).is_ok());
    drop(ticket);
    assert!(
        all(&events)
            .iter()
            .all(|e| matches!(e, Event::Token { .. }))
    );
    rest(&service);
}

#[test]
fn one_sample_can_be_cancelled_without_the_others() {
    let service = service(1, 2, 10);
    let request = &requests()[0];
    let expected = locally(std::slice::from_ref(request), &generation()).remove(0);
    // Samples 0 and 1 get rows, 4 waits.
    let (ticket, events) = submit(&service, job(request, generation()));
    ticket.cancel_sample(4);
    ticket.cancel_sample(4);
    ticket.cancel_sample(99);
    let all = all(&events);
    let of_four = all
        .iter()
        .filter(|e| matches!(e, Event::Done { sample: 4, .. }));
    assert_eq!(of_four.count(), 0);
    let mut left = expected;
    left.remove(4);
    assert_eq!(responses(all), left);
    let (ticket, events) = submit(&service, endless(2));
    assert!(events.recv_timeout(PATIENCE).is_ok());
    ticket.cancel_sample(0);
    ticket.cancel_sample(1);
    assert!(
        self::all(&events)
            .iter()
            .all(|e| matches!(e, Event::Token { .. }))
    );
    rest(&service);
}

#[test]
fn a_request_of_many_samples_does_not_starve_another() {
    let service = service(1, 2, 10);
    let (_many, events) = submit(&service, endless(64));
    assert!(events.recv_timeout(PATIENCE).is_ok());
    let one = Job {
        client: 1,
        ..job(&requests()[0], generation())
    };
    let (_one, answers) = submit(&service, one);
    assert_eq!(responses(all(&answers)).len(), 6);
    assert!(service.load().waiting > 32, "{:?}", service.load());
}

#[test]
fn what_can_never_be_answered_is_refused_with_the_reason() {
    let small = ServiceOptions {
        threads: 1,
        rows: 1,
        capacity: 256,
        queue: 1,
    };
    let service = Service::start(decoder(), small).unwrap();
    let refused = |request: Request, generation: Generation| match service
        .submit(job(&request, generation), Box::new(|_| {}))
    {
        Err(Refused::Invalid(e)) => e.to_string(),
        other => panic!("{:?}", other.map(|_| ())),
    };
    let request = |prompt: Vec<u32>, samples| Request {
        prompt,
        samples,
        seed: vec![],
    };
    let g = generation;
    for (request, generation, reason) in [
        (request(vec![], 1), g(), "the prompt is empty"),
        (
            request(vec![1; 250], 1),
            g(),
            "250 prompt tokens and up to 40 new ones (and the self-reward position) exceed the context of 256",
        ),
        (request(vec![9999], 1), g(), "prompt token 9999 is outside"),
        (request(vec![1], 0), g(), "at least one"),
        (
            request(vec![1], 1),
            Generation {
                stop: vec![ZC],
                ..g()
            },
            "also a stop token",
        ),
        (
            request(vec![1], 1),
            Generation {
                stop: vec![800],
                ..g()
            },
            "stop token 800",
        ),
    ] {
        let said = refused(request, generation);
        assert!(said.contains(reason), "{said}");
    }
    let long = ServiceOptions {
        capacity: CONTEXT + 1,
        ..small
    };
    let e = Service::start(decoder(), long).err().unwrap().to_string();
    assert!(
        e.contains("16385 tokens exceed the model's context of 16384"),
        "{e}"
    );
}

#[test]
fn a_full_queue_and_a_stopping_service_take_nothing_more() {
    let service = service(1, 1, 1);
    let first = submit(&service, endless(1));
    assert!(first.1.recv_timeout(PATIENCE).is_ok());
    let second = submit(&service, endless(1));
    let refused = service.submit(endless(1), Box::new(|_| {})).err();
    assert!(matches!(
        refused,
        Some(Refused::Full {
            running: 1,
            waiting: 1
        })
    ));
    drop(second);
    let third = submit(&service, job(&requests()[0], generation()));
    drop(first);
    assert!(service.drain(PATIENCE));
    assert_eq!(responses(all(&third.1)).len(), 6);
    let refused = service.submit(endless(1), Box::new(|_| {})).err();
    assert!(matches!(refused, Some(Refused::Stopping)));
}

#[test]
fn what_is_left_at_the_deadline_or_at_the_end_is_told_that_the_service_stopped() {
    let stopped = |events: &Receiver<Event>| {
        let last = all(events).pop();
        assert!(
            matches!(last, Some(Event::Failed(RolloutError::Stopped))),
            "{last:?}"
        );
    };
    let one = service(1, 1, 10);
    let jobs = [submit(&one, endless(3)), submit(&one, endless(3))];
    assert!(!one.drain(Duration::from_millis(5)));
    jobs.iter().for_each(|(_, events)| stopped(events));
    let two = service(2, 1, 10);
    let jobs = [0; 5].map(|_| submit(&two, endless(3)));
    drop(two);
    jobs.iter().for_each(|(_, events)| stopped(events));
}

#[test]
fn a_sink_that_panics_ends_its_job_alone() {
    let service = service(1, 2, 10);
    let (sender, calls) = channel();
    let mut called = 0;
    let sink: Sink = Box::new(move |_| {
        called += 1;
        sender.send(called).unwrap();
        assert!(called < 3, "a panic that the test wants");
    });
    let _ticket = service.submit(endless(4), sink).unwrap();
    let calls: Vec<i32> = calls.iter().collect();
    assert_eq!(calls, [1, 2, 3]);
    rest(&service);
    let (_ticket, events) = submit(&service, job(&requests()[0], generation()));
    assert_eq!(responses(all(&events)).len(), 6);
}

#[test]
fn a_sink_may_cancel_its_own_job_and_own_its_ticket() {
    let service = Arc::new(service(1, 2, 10));
    let own: Arc<OnceLock<Ticket>> = Arc::default();
    let (sender, events) = channel();
    let (inner, again) = (own.clone(), service.clone());
    let sink: Sink = Box::new(move |event| {
        let load = again.load();
        if let Some(ticket) = inner.get() {
            ticket.cancel();
        }
        let _ = sender.send((event, load));
    });
    let ticket = service.submit(endless(4), sink).unwrap();
    assert!(own.set(ticket).is_ok());
    drop(own);
    // The sink is dropped, and with it the sender, the ticket and a handle of the service.
    assert!(events.iter().all(|(e, _)| matches!(e, Event::Token { .. })));
    rest(&service);
    eventually("the sink is dropped", || Arc::strong_count(&service) == 1);
}

#[test]
fn weights_that_are_not_numbers_fail_the_job_and_not_the_service() {
    let (cpu, good) = (Cpu::serial(), common::decoder(64));
    let weights = good.download(&cpu).into_iter();
    let nan = weights.map(|w| vec![f32::NAN; w.len()]);
    let decoder = Arc::new(Decoder::new(&cpu, good.config.clone(), nan, 64, false));
    let options = ServiceOptions {
        threads: 1,
        rows: 2,
        capacity: 64,
        queue: 4,
    };
    let service = Service::start(decoder, options).unwrap();
    for _ in 0..2 {
        let (_ticket, events) = submit(&service, job(&requests()[0], generation()));
        let events = all(&events);
        assert!(
            matches!(
                events[..],
                [Event::Failed(RolloutError::Sampling { position: 0, .. })]
            ),
            "{events:?}"
        );
        rest(&service);
    }
}

#[test]
fn many_jobs_and_cancellations_leave_every_row_free() {
    let requests = requests();
    let expected = locally(&requests, &generation());
    let service = service(2, 5, 1000);
    let mut rng = Rng::from_words(&[11]);
    let mut kept = Vec::new();
    for i in 0..200u64 {
        let which = (rng.uniform() * requests.len() as f64) as usize;
        let new = job(&requests[which], generation());
        let (ticket, events) = submit(
            &service,
            Job {
                client: i % 5,
                ..new
            },
        );
        match (rng.uniform() * 4.0) as u32 {
            0 => drop(ticket),
            1 => {
                // Some time later, from another thread.
                let wait = Duration::from_micros((rng.uniform() * 3000.0) as u64);
                std::thread::spawn(move || {
                    std::thread::sleep(wait);
                    ticket.cancel_sample(2);
                    ticket.cancel();
                });
            }
            _ => kept.push((which, ticket, events)),
        }
    }
    for (which, _ticket, events) in &kept {
        assert_eq!(responses(all(events)), expected[*which]);
    }
    rest(&service);
    assert!(service.drain(PATIENCE), "no job is left");
}
