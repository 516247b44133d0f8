//! A session's screen, and waiting for it.

use serde::{Deserialize, Serialize};

/// A session's screen: `GET /api/sessions/{name}/screen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScreenView {
    /// The session's name.
    pub name: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The visible rows, top to bottom, without trailing blanks.
    pub lines: Vec<String>,
    /// Where the cursor is.
    pub cursor: CursorView,
    /// The title the program set.
    pub title: String,
    /// Whether the program uses the alternate screen.
    pub alternate: bool,
    /// Bytes of output seen when this was taken.
    pub seq: u64,
}

/// The cursor; row and column count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CursorView {
    /// Row.
    pub row: u16,
    /// Column.
    pub col: u16,
    /// Whether it is shown.
    pub visible: bool,
}

/// What to wait for: `POST /api/sessions/{name}/wait`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WaitRequest {
    /// The condition.
    pub until: Until,
    /// How long at most, in milliseconds; without it for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// A condition on a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Until {
    /// The agent's ready rule holds; where it has none, as [`Until::Quiet`].
    Idle,
    /// The agent is ready for a prompt, and its init prompts are done.
    Ready,
    /// Nothing was printed for so many milliseconds.
    Quiet {
        /// Milliseconds.
        ms: u64,
    },
    /// Some visible row matches the regular expression.
    Text {
        /// The expression, in the syntax of the `regex` crate.
        regex: String,
    },
    /// The agent's program ended.
    Exit,
}

/// How a wait ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WaitOutcome {
    /// Always `true`.
    pub ok: bool,
    /// The session's name.
    pub name: String,
    /// What was seen: the matching row, the ready row, `quiet` or the exit status.
    pub evidence: String,
    /// Bytes of output seen until then.
    pub seq: u64,
}
