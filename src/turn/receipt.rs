//! The stages of a receipt.

use llmux_protocol::api::Stages;

/// Closes a receipt.
///
/// Each stage is as old as what shows it, and what shows a later one shows the earlier ones, too: an agent whose hook has
/// told its answer had accepted the prompt by then, even where the screen that shows so was painted after; an answer that
/// began before the last Enter was the answer to an earlier one. What came first counts.
pub(super) fn close(stages: &mut Stages, first_output: Option<u64>, ended: u64) {
    stages.ended = Some(ended);
    stages.first_output = first_output.map(|at| at.min(ended));
    let shown = stages.first_output.unwrap_or(ended);
    stages.accepted = stages.accepted.map(|at| at.min(shown));
    stages.submitted = stages.submitted.map(|at| at.min(shown));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(accepted: u64, first_output: Option<u64>, ended: u64) -> [Option<u64>; 4] {
        let mut stages = Stages {
            submitted: Some(10),
            accepted: Some(accepted),
            ..Stages::default()
        };
        close(&mut stages, first_output, ended);
        [
            stages.submitted,
            stages.accepted,
            stages.first_output,
            stages.ended,
        ]
    }

    #[test]
    fn what_shows_a_later_stage_shows_the_earlier_ones() {
        assert_eq!(closed(20, Some(30), 40), [10, 20, 30, 40].map(Some));
        // The hook was faster than the screen.
        assert_eq!(closed(20, Some(30), 15), [10, 15, 15, 15].map(Some));
        // The answer is in the transcript, the screen comes behind.
        assert_eq!(closed(40, Some(30), 50), [10, 30, 30, 50].map(Some));
        assert_eq!(closed(40, None, 30), [Some(10), Some(30), None, Some(30)]);
        // An earlier Enter was the one that counted.
        assert_eq!(closed(20, Some(5), 30), [5, 5, 5, 30].map(Some));
    }
}
