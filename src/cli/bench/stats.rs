//! Samples in few numbers: percentiles and a small histogram.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many cells a histogram has.
const CELLS: u16 = 16;

/// What a number of samples says, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    pub(super) count: usize,
    pub(super) min_ns: u64,
    pub(super) p50_ns: u64,
    pub(super) p90_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) max_ns: u64,
    /// How many samples fall into each of equal steps of the logarithm, from the least to the greatest.
    pub(super) histogram: Vec<usize>,
}

impl Stats {
    /// Sums samples up; none if there are none.
    pub(super) fn of(mut samples: Vec<u64>) -> Option<Self> {
        samples.sort_unstable();
        let (&min_ns, &max_ns) = (samples.first()?, samples.last()?);
        Some(Self {
            count: samples.len(),
            min_ns,
            p50_ns: percentile(&samples, 50),
            p90_ns: percentile(&samples, 90),
            p99_ns: percentile(&samples, 99),
            max_ns,
            histogram: histogram(&samples),
        })
    }

    /// The histogram as a row of bars.
    pub(super) fn bars(&self) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.histogram.iter().copied().max().unwrap_or(0).max(1);
        let bar = |&count: &usize| match count {
            0 => ' ',
            count => BARS[(count * BARS.len()).div_ceil(most).clamp(1, BARS.len()) - 1],
        };
        self.histogram.iter().map(bar).collect()
    }
}

/// The value that `percent` of the sorted samples do not exceed (nearest rank).
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

fn histogram(sorted: &[u64]) -> Vec<usize> {
    let mut cells = vec![0; CELLS.into()];
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return cells;
    };
    for &sample in sorted {
        cells[cell(sample, least, most)] += 1;
    }
    cells
}

/// The cell of a sample that is neither below `least` nor above `most`.
fn cell(sample: u64, least: u64, most: u64) -> usize {
    let log = |nanos: u64| Duration::from_nanos(nanos.max(1)).as_secs_f64().ln();
    let (begin, width) = (log(least), log(most) - log(least));
    if width <= 0.0 {
        return 0;
    }
    let place = (log(sample) - begin) / width;
    (1..CELLS)
        .filter(|&edge| place >= f64::from(edge) / f64::from(CELLS))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_so_many_do_not_exceed() {
        let sorted: Vec<u64> = (1..=200).collect();
        for (percent, value) in [(0, 1), (50, 100), (90, 180), (99, 198), (100, 200)] {
            assert_eq!(percentile(&sorted, percent), value);
        }
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn the_order_of_samples_says_nothing() {
        let stats = Stats::of(vec![30, 10, 20]).unwrap();
        assert_eq!(
            (stats.count, stats.min_ns, stats.p50_ns, stats.max_ns),
            (3, 10, 20, 30)
        );
        assert_eq!(Stats::of(Vec::new()), None);
    }

    #[test]
    fn a_histogram_holds_each_sample_once_and_its_steps_are_equal_ratios() {
        // Between the powers: on the edge of a cell a sample may fall to either side.
        let mut samples: Vec<u64> = (0..CELLS).map(|power| 3 << power >> 1).collect();
        samples.push(1 << CELLS);
        let cells = histogram(&samples);
        assert_eq!(cells.iter().sum::<usize>(), samples.len());
        assert!(cells.iter().all(|&count| count > 0), "{cells:?}");
        assert_eq!(histogram(&[5, 5, 5])[0], 3);
        assert_eq!(histogram(&[0, 0, u64::MAX]).iter().sum::<usize>(), 3);
    }

    #[test]
    fn one_sample_is_seen_beside_many() {
        let mut samples = vec![1; 1000];
        samples.push(1_000_000);
        let bars = Stats::of(samples).unwrap().bars();
        assert_eq!(bars.chars().count(), usize::from(CELLS));
        assert!(bars.starts_with('█') && bars.ends_with('▁'), "{bars}");
    }
}
