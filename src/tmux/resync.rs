//! One pane's screen as tmux has it: the line of commands that asks for it, and the reading of the replies.
//!
//! All commands of a line run with no pane output read in between, so the parts belong to one moment.

use llmux_protocol::{
    PaneId, SessionId, WindowId,
    control::{CapturePart, Command, CommandLine, DisplayTarget, Format, Reply, WindowTarget, unescape},
};

use crate::screen::{Capture, SCROLLBACK_LINES, Size, TerminalState};

/// The terminal state behind a screen. The title is last: it is the one value that may hold a tab.
const STATE: Format = Format::new(
    "#{pane_width}\t#{pane_height}\t#{history_size}\t#{alternate_on}\t#{cursor_x}\t#{cursor_y}\t\
     #{alternate_saved_x}\t#{alternate_saved_y}\t#{cursor_flag}\t#{insert_flag}\t#{keypad_cursor_flag}\t\
     #{keypad_flag}\t#{wrap_flag}\t#{origin_flag}\t#{mouse_all_flag}\t#{mouse_button_flag}\t\
     #{mouse_standard_flag}\t#{mouse_sgr_flag}\t#{mouse_utf8_flag}\t#{scroll_region_upper}\t\
     #{scroll_region_lower}\t#{bracket_paste_flag}\t#{pane_title}",
);

/// Asks for everything about a paused pane and lets it go on, after linking its window into the hub if that is named.
pub(super) fn capture_line(pane: PaneId, link: Option<(WindowId, SessionId)>) -> CommandLine {
    let go_on = Command::ContinuePane(pane);
    let line = match link {
        Some((window, hub)) => CommandLine::new(Command::LinkWindow {
            from: WindowTarget::Id(window),
            hub,
        })
        .then(go_on),
        None => CommandLine::new(go_on),
    };
    let parts = [
        CapturePart::History {
            lines: SCROLLBACK_LINES as u32,
        },
        CapturePart::Visible,
        CapturePart::Saved,
        CapturePart::Pending,
    ];
    parts
        .into_iter()
        .fold(line, |line, part| line.then(Command::Capture { pane, part }))
        .then(Command::Display {
            target: DisplayTarget::Pane(pane),
            format: STATE,
        })
}

/// Reads the replies to [`capture_line`]; `None` if they are not that.
pub(super) fn read_capture(replies: &[Reply]) -> Option<Capture> {
    let [.., history, visible, saved, pending, state] = replies else {
        return None;
    };
    let text = state.text();
    let mut fields = text.splitn(23, '\t');
    let mut number = || fields.next()?.parse::<u16>().ok();
    let size = Size::new(number()?, number()?);
    // With no history `-E -1` means the first visible row, so its reply says nothing.
    let has_history = number()? > 0;
    let mut flag = || Some(number()? != 0);
    let alternate = flag()?;
    let mut pair = || Some((number().unwrap_or(0), number()?));
    let (cursor, saved_cursor) = (pair()?, pair().unwrap_or_default());
    let mut flag = || Some(number()? != 0);
    let mut state = TerminalState {
        alternate,
        cursor,
        saved_cursor,
        ..TerminalState::default()
    };
    state.cursor_visible = flag()?;
    state.insert = flag()?;
    state.app_cursor = flag()?;
    state.app_keypad = flag()?;
    state.wrap = flag()?;
    state.origin = flag()?;
    state.mouse_any = flag()?;
    state.mouse_button = flag()?;
    state.mouse_standard = flag()?;
    state.mouse_sgr = flag()?;
    state.mouse_utf8 = flag()?;
    state.scroll_region = (number()?, number()?);
    // Empty before tmux 3.7.
    state.bracketed_paste = fields.next()?.parse::<u8>().ok().map(|on| on != 0);
    fields.next()?.clone_into(&mut state.title);
    Some(Capture {
        size,
        history: if has_history {
            history.body.clone()
        } else {
            Vec::new()
        },
        visible: visible.body.clone(),
        saved: alternate.then(|| saved.body.clone()),
        pending: pending
            .body
            .first()
            .map(|escaped| unescape(escaped))
            .unwrap_or_default(),
        state,
    })
}
