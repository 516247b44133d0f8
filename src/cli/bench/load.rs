//! Offering turns to the daemon, and what came of each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use llmux_protocol::api::{Turn, TurnRequest, TurnState, TurnWait, WaitFor};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::client::{Client, ClientError, Target, session_path, turn_path};

/// A turn that takes longer is given up, so that a bench always ends.
const LONGEST_MS: u64 = 600_000;

/// What is offered.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) names: Arc<[String]>,
    pub(super) turns: usize,
    pub(super) concurrency: usize,
    pub(super) bytes: usize,
    /// Turns a second.
    pub(super) rate: Option<f64>,
    pub(super) wait: WaitFor,
}

/// One turn that was offered.
#[derive(Debug)]
pub(super) struct Sample {
    /// As it was at its end, with its receipt.
    pub(super) turn: Turn,
    pub(super) prompt: String,
    /// From sending the request to its answer.
    pub(super) answered: Duration,
    /// How much later than planned it was sent.
    pub(super) behind: Duration,
}

/// All turns, and how long they took together.
pub(super) struct Offered {
    pub(super) samples: Vec<Sample>,
    pub(super) took: Duration,
}

/// Offers all turns and waits for the end of each.
pub(super) async fn offer(plan: &Plan, target: &Target) -> Result<Offered, ClientError> {
    let mut workers = JoinSet::new();
    let mut clients = Vec::new();
    for _ in 0..plan.concurrency.min(plan.turns) {
        clients.push(Client::open(target).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    for (number, client) in clients.into_iter().enumerate() {
        workers.spawn(work(plan.clone(), number, client, next.clone(), began));
    }
    let mut samples = Vec::with_capacity(plan.turns);
    while let Some(worked) = workers.join_next().await {
        match worked {
            Ok(worked) => samples.extend(worked?),
            Err(error) => return Err(ClientError::Protocol(format!("a worker failed: {error}"))),
        }
    }
    Ok(Offered {
        samples,
        took: began.elapsed(),
    })
}

/// Takes turns until all are taken.
async fn work(
    plan: Plan,
    worker: usize,
    mut client: Client,
    next: Arc<AtomicUsize>,
    began: Instant,
) -> Result<Vec<Sample>, ClientError> {
    let its = sessions_of(worker, plan.concurrency, plan.names.len());
    let mut samples = Vec::new();
    for session in its.iter().cycle() {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        if turn >= plan.turns {
            break;
        }
        let due = due(began, turn, plan.rate);
        sleep_until(due).await;
        let behind = match plan.rate {
            Some(_) => due.elapsed(),
            None => Duration::ZERO,
        };
        let prompt = prompt(turn, plan.bytes);
        let (answered, turn) = one(&mut client, &plan.names[*session], &prompt, plan.wait).await?;
        samples.push(Sample {
            turn,
            prompt,
            answered,
            behind,
        });
    }
    Ok(samples)
}

/// Sends one prompt; returns how long the answer took, and the turn at its end.
pub(super) async fn one(
    client: &mut Client,
    session: &str,
    prompt: &str,
    wait: WaitFor,
) -> Result<(Duration, Turn), ClientError> {
    let request = TurnRequest {
        wait,
        timeout_ms: Some(LONGEST_MS),
        ..TurnRequest::new(prompt)
    };
    let sent = Instant::now();
    let turn: Turn = client.post(&session_path(session, "turns"), &request).await?;
    let answered = sent.elapsed();
    if turn.state.is_final() || turn.state == TurnState::Blocked {
        return Ok((answered, turn));
    }
    let turn = client
        .post(&turn_path(&turn.id, "wait"), &TurnWait::default())
        .await?;
    Ok((answered, turn))
}

/// The sessions of one of `workers`: no two share one, unless there are more workers than sessions.
fn sessions_of(worker: usize, workers: usize, sessions: usize) -> Vec<usize> {
    (worker % sessions..sessions).step_by(workers).collect()
}

/// When a turn is to be sent.
fn due(began: Instant, turn: usize, rate: Option<f64>) -> Instant {
    match (rate, u32::try_from(turn)) {
        (Some(rate), Ok(turn)) => began + Duration::from_secs_f64(f64::from(turn) / rate),
        _ => began,
    }
}

/// The prompt of a turn: it differs from all others, and is as long as is asked for if that holds its number.
fn prompt(turn: usize, bytes: usize) -> String {
    let mut prompt = format!("bench {turn}: answer OK");
    while prompt.len() < bytes {
        prompt.push_str(" and then");
    }
    prompt.truncate(bytes.max(format!("bench {turn}").len()));
    prompt.truncate(prompt.trim_end().len());
    prompt
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn workers_share_sessions_only_where_there_are_too_few() {
        for (workers, sessions) in [(1, 1), (1, 5), (2, 5), (5, 5), (3, 7)] {
            let mut all: Vec<_> = (0..workers)
                .flat_map(|worker| sessions_of(worker, workers, sessions))
                .collect();
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..sessions), "{workers} {sessions}");
        }
        let many: Vec<_> = (0..5).map(|worker| sessions_of(worker, 5, 2)).collect();
        assert_eq!(many, [[0], [1], [0], [1], [0]]);
    }

    #[test]
    fn prompts_differ_and_have_the_length_asked_for() {
        let prompts: HashSet<_> = (0..2000).map(|turn| prompt(turn, 1)).collect();
        assert_eq!(prompts.len(), 2000);
        for bytes in [64, 1000, 100_000] {
            let length = prompt(7, bytes).len();
            assert!(length == bytes || length == bytes - 1, "{length} of {bytes}");
        }
    }

    #[test]
    fn a_rate_spreads_turns_evenly() {
        let began = Instant::now();
        assert_eq!(due(began, 30, Some(10.0)), began + Duration::from_secs(3));
        assert_eq!(due(began, 30, None), began);
    }
}
