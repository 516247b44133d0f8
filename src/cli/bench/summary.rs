//! From the receipts of all turns to a report.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use llmux_protocol::api::{Stages, TurnState, WaitFor};

use super::{
    agents::Clock,
    load::{Offered, Sample},
    report::{Report, Stage},
    stats::Stats,
};
use crate::cli::failure::Failure;

/// Turns a second that ended well.
pub(super) fn achieved(offered: &Offered) -> f64 {
    let well = offered.samples.iter().filter(|sample| is_well(sample)).count();
    let well = u32::try_from(well).unwrap_or(u32::MAX);
    f64::from(well) / offered.took.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn is_well(sample: &Sample) -> bool {
    sample.turn.state == TurnState::Ended
}

pub(super) fn states(samples: &[Sample]) -> BTreeMap<String, usize> {
    count(samples.iter().map(|sample| sample.turn.state.as_str()))
}

pub(super) fn errors(samples: &[Sample]) -> BTreeMap<String, usize> {
    let errors = samples.iter().filter_map(|sample| sample.turn.error.as_ref());
    count(errors.map(|error| error.code.as_str()))
}

fn count<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// The stages of the turns that ended well, each since it was queued. `answered` is what the client saw, `overhead` the
/// time from Enter to the end that the agent itself did not need, and `behind` how much later than planned it was sent.
pub(super) fn stages(samples: &[Sample], clocks: &HashMap<String, Clock>, wait: WaitFor) -> Vec<Stage> {
    let well: Vec<_> = samples.iter().filter(|sample| is_well(sample)).collect();
    let receipt = |pick: fn(&Stages) -> Option<u64>| {
        let picked = well.iter().filter_map(|sample| pick(&sample.turn.stages));
        picked.collect::<Vec<_>>()
    };
    let seen = |pick: fn(&Sample) -> Duration| {
        let seen = well.iter().map(|sample| nanos(pick(sample)));
        seen.filter(|&nanos| nanos > 0).collect::<Vec<_>>()
    };
    let overhead = || {
        let known = well.iter().filter_map(|sample| overhead(sample, clocks));
        known.collect::<Vec<_>>()
    };
    let mut stages = vec![
        ("behind", seen(|sample| sample.behind)),
        ("started", receipt(|stages| stages.started)),
        ("submitted", receipt(|stages| stages.submitted)),
        ("accepted", receipt(|stages| stages.accepted)),
    ];
    if wait == WaitFor::Ended {
        stages.push(("firstOutput", receipt(|stages| stages.first_output)));
        stages.push(("ended", receipt(|stages| stages.ended)));
    }
    stages.push(("answered", seen(|sample| sample.answered)));
    if wait == WaitFor::Ended {
        stages.push(("overhead", overhead()));
    }
    let stages = stages.into_iter().filter_map(|(name, samples)| {
        Some(Stage {
            name: name.to_owned(),
            stats: Stats::of(samples)?,
        })
    });
    stages.collect()
}

fn overhead(sample: &Sample, clocks: &HashMap<String, Clock>) -> Option<u64> {
    let Stages { submitted, ended, .. } = sample.turn.stages;
    let clock = clocks.get(&sample.prompt)?;
    let ours = ended?.saturating_sub(submitted?);
    Some(ours.saturating_sub(clock.last_ns.saturating_sub(clock.submitted_ns)))
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Fails if some turns did not end well.
pub(super) fn check(report: &Report) -> Result<(), Failure> {
    let all: usize = report.states.values().sum();
    let well = report.states.get(TurnState::Ended.as_str()).copied().unwrap_or(0);
    if well == all {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} of {all} turns did not end well",
        all - well
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::turn::sample as turns;

    fn sample(prompt: &str, submitted: u64, ended: u64) -> Sample {
        let mut turn = turns::replied("OK");
        turn.stages.submitted = Some(submitted);
        turn.stages.ended = Some(ended);
        Sample {
            turn,
            prompt: prompt.to_owned(),
            answered: Duration::from_nanos(ended + 1),
            behind: Duration::ZERO,
        }
    }

    fn of<'a>(stages: &'a [Stage], name: &str) -> Option<&'a Stats> {
        stages
            .iter()
            .find(|stage| stage.name == name)
            .map(|stage| &stage.stats)
    }

    #[test]
    fn overhead_is_what_the_agent_did_not_need() {
        let clock = Clock {
            submitted_ns: 1000,
            last_ns: 1070,
        };
        let clocks = HashMap::from([("known".to_owned(), clock)]);
        let samples = [sample("known", 10, 110), sample("unknown", 10, 500)];
        let stages = stages(&samples, &clocks, WaitFor::Ended);
        let overhead = of(&stages, "overhead").unwrap();
        assert_eq!((overhead.count, overhead.p50_ns), (1, 30));
        assert_eq!(of(&stages, "ended").unwrap().count, 2);
        assert!(of(&stages, "behind").is_none());
    }

    #[test]
    fn a_turn_that_failed_is_counted_and_not_measured() {
        let mut refused = sample("x", 1, 2);
        refused.turn = turns::refused();
        let samples = [refused, sample("y", 1, 3)];
        assert_eq!(states(&samples).values().sum::<usize>(), 2);
        assert_eq!(errors(&samples).len(), 1);
        let stages = stages(&samples, &HashMap::new(), WaitFor::Submitted);
        assert_eq!(of(&stages, "answered").unwrap().count, 1);
        assert!(of(&stages, "ended").is_none());
    }
}
