//! The state at the beginning of a step, to go back to when the step cannot be completed.

use laser_kernels::{Backend, Cpu};

use crate::trainer::Trainer;

type Buffers = Vec<<Cpu as Backend>::Buffer>;

/// Weights and optimizer, of the policy and of a critic.
pub(crate) struct Snapshot {
    weights: Buffers,
    first: Buffers,
    second: Buffers,
    updates: u64,
    /// Weights and moments of a critic's value head.
    value_head: Option<[Vec<f32>; 3]>,
}

// The reference and the coefficients change only after the last update of a step, when nothing can
// fail any more.
impl Snapshot {
    /// A copy of a trainer's state.
    pub(crate) fn new(t: &Trainer) -> Self {
        let zeros = || -> Buffers {
            let tensors = t.learner.decoder.trained().iter();
            tensors
                .map(|spec| t.learner.cpu.zeros(spec.len()))
                .collect()
        };
        let mut snapshot = Snapshot {
            weights: zeros(),
            first: zeros(),
            second: zeros(),
            updates: 0,
            value_head: None,
        };
        snapshot.take(t);
        snapshot
    }

    /// Copies a trainer's state.
    pub(crate) fn take(&mut self, t: &Trainer) {
        copy(
            &t.learner.cpu,
            t.learner.decoder.parameters(),
            &mut self.weights,
        );
        copy(&t.learner.cpu, &t.learner.moments.first, &mut self.first);
        copy(&t.learner.cpu, &t.learner.moments.second, &mut self.second);
        self.updates = t.learner.moments.updates;
        self.value_head = t.value_head.as_ref().map(|head| head.save(&t.learner.cpu));
    }

    /// Puts the state back.
    pub(crate) fn restore(&self, t: &mut Trainer) {
        copy(
            &t.learner.cpu,
            &self.weights,
            t.learner.decoder.parameters_mut(),
        );
        copy(&t.learner.cpu, &self.first, &mut t.learner.moments.first);
        copy(&t.learner.cpu, &self.second, &mut t.learner.moments.second);
        t.learner.moments.updates = self.updates;
        if let (Some(head), Some(saved)) = (&mut t.value_head, &self.value_head) {
            head.restore(&t.learner.cpu, saved);
        }
        t.learner.decoder.refresh(&t.learner.cpu);
    }
}

fn copy(cpu: &Cpu, from: &[<Cpu as Backend>::Buffer], to: &mut [<Cpu as Backend>::Buffer]) {
    for (from, to) in from.iter().zip(to) {
        cpu.copy(from, to);
    }
}
