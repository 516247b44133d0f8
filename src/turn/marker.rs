//! The end marker: what the agent is asked to print, and what of it comes out of its renderer.

use std::sync::LazyLock;

use regex::Regex;

/// The marker of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    hex: String,
}

impl Marker {
    /// Reads the marker of a session's record, `LLMUX_DONE_` and 8 hexadecimal digits.
    pub(super) fn read(record: &str) -> Option<Self> {
        let hex = record.strip_prefix("LLMUX_DONE_")?;
        let is_hex = hex.len() == 8 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| Self {
            hex: hex.to_ascii_lowercase(),
        })
    }

    /// Asks the agent to print it, in the shape that survives the agent's renderer: a template with `{}`.
    pub(super) fn instruction(&self, shape: &str) -> String {
        let shown = shape.replace("{}", &self.hex);
        format!(
            "[llmux] This session is driven by a program. From now on, when a reply is complete, end it with the \
             marker {shown} alone on the last line. Print it exactly once for each reply, never before you are \
             finished, and do not explain it. Answer this message with OK and the marker."
        )
    }

    /// Whether a row, or a row and its continuation, is this marker: lenient about what stands around and between
    /// its parts, for renderers eat brackets and underscores; strict about the digits.
    pub(super) fn is(&self, row: &str) -> bool {
        static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
            #[expect(clippy::unwrap_used, reason = "a constant pattern, tested below")]
            Regex::new(r"(?i)^[\W_]*LLMUX[\W_]{0,4}DONE[\W_]{0,4}([0-9a-f]{8})[\W_]*$").unwrap()
        });
        SHAPE
            .captures(row)
            .is_some_and(|found| found[1].eq_ignore_ascii_case(&self.hex))
    }

    /// A text of the agent without the marker at its end.
    pub(super) fn strip<'a>(&self, text: &'a str) -> &'a str {
        let kept = text.trim_end();
        let (before, last) = kept.rsplit_once('\n').unwrap_or(("", kept));
        if self.is(last) { before.trim_end() } else { kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker::read("LLMUX_DONE_0badf00d").unwrap()
    }

    #[test]
    fn each_shape_a_renderer_makes_of_it_is_known() {
        for row in [
            "<<LLMUX_DONE_0badf00d>>",
            "  ● <<LLMUX_DONE_0BADF00D>>",
            "<<LLMUXDONE0badf00d>>",
            "%%LLMUX-DONE-0badf00d%%",
            "│ LLMUX·DONE·0badf00d █",
            "`LLMUX_DONE_0badf00d`.",
        ] {
            assert!(marker().is(row), "{row}");
        }
    }

    #[test]
    fn another_sessions_marker_and_talk_about_it_are_not_it() {
        for row in [
            "<<LLMUX_DONE_0badf00e>>",
            "<<LLMUX_DONE_0badf00>>",
            "<<LLMUX_DONE_0badf00d1>>",
            "print <<LLMUX_DONE_0badf00d>> alone",
            "<>",
            "",
        ] {
            assert!(!marker().is(row), "{row}");
        }
    }

    #[test]
    fn only_a_marker_at_the_end_is_taken_off() {
        assert_eq!(marker().strip("a\nb\n<<LLMUX_DONE_0badf00d>>\n"), "a\nb");
        assert_eq!(
            marker().strip("<<LLMUX_DONE_0badf00d>>\nb"),
            "<<LLMUX_DONE_0badf00d>>\nb"
        );
        assert_eq!(marker().strip("<<LLMUX_DONE_0badf00d>>"), "");
    }

    #[test]
    fn a_record_without_a_marker_of_ours_has_none() {
        for text in ["", "LLMUX_DONE_", "LLMUX_DONE_xyzxyzxy", "DONE_0badf00d"] {
            assert_eq!(Marker::read(text), None);
        }
        assert!(
            marker()
                .instruction("%%LLMUX-DONE-{}%%")
                .contains(" %%LLMUX-DONE-0badf00d%% ")
        );
    }
}
