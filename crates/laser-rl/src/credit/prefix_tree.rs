//! The tree of the prefixes that the responses of a group share.

/// V(s_t) of every response for t = 0..=T: the mean reward of the responses of the group that
/// share its first t tokens, itself included. `[n]` rows of `T_i + 1`.
///
/// Equality is that of tokens: responses that say the same in other tokens part ways. A response
/// that ended is a branch of its own only if its stop token is among its ids.
///
/// # Panics
/// If the two lengths differ.
pub fn prefix_values(ids: &[&[u32]], rewards: &[f32]) -> Vec<Vec<f64>> {
    crate::loss::same_length("rewards", rewards.len(), ids.len());
    let mut values: Vec<Vec<f64>> = ids.iter().map(|r| vec![0.0; r.len() + 1]).collect();
    // Nodes: who shares the first `depth` tokens.
    let mut open: Vec<(usize, Vec<usize>)> = vec![(0, (0..ids.len()).collect())];
    while let Some((depth, members)) = open.pop() {
        let sum: f64 = members.iter().map(|&i| f64::from(rewards[i])).sum();
        let mean = sum / members.len().max(1) as f64;
        if let [alone] = members[..] {
            values[alone][depth..].fill(mean);
            continue;
        }
        for &i in &members {
            values[i][depth] = mean;
        }
        let mut children: Vec<(u32, Vec<usize>)> = Vec::new();
        for i in members {
            let Some(&next) = ids[i].get(depth) else {
                continue;
            };
            match children.iter_mut().find(|(token, _)| *token == next) {
                Some((_, group)) => group.push(i),
                None => children.push((next, vec![i])),
            }
        }
        open.extend(children.into_iter().map(|(_, group)| (depth + 1, group)));
    }
    values
}
