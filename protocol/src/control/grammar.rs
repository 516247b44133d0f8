//! The grammar of single lines, tmux(1) section CONTROL MODE.
//!
//! Each parser sees one whole line without its line feed. A notification may have more fields than we know: those
//! after the last known one are ignored, unless that is a text, which runs to the end of the line.

use bytes::Bytes;
use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_till1, take_until, take_while1},
    character::complete::{char, u32, u64},
    combinator::{eof, map, rest, value},
    sequence::{preceded, terminated},
};

use super::{Layout, Notice};
use crate::{PaneId, SessionId, WindowId};

type Parsed<'a, T> = IResult<&'a [u8], T>;

/// The three numbers that join a `%begin` to its `%end` or `%error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) time: u64,
    pub(super) number: u64,
    pub(super) flags: u64,
}

/// Pane output, still escaped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Output<'a> {
    pub(super) pane: PaneId,
    pub(super) age_ms: Option<u64>,
    pub(super) data: &'a [u8],
}

/// Reads `%begin`.
pub(super) fn begin(line: &[u8]) -> Option<Guard> {
    guard(b"%begin ", line)
}

/// Reads `%end` (true) and `%error` (false).
pub(super) fn end(line: &[u8]) -> Option<(bool, Guard)> {
    match line.get(1)? {
        b'e' => guard(b"%end ", line)
            .map(|g| (true, g))
            .or_else(|| guard(b"%error ", line).map(|g| (false, g))),
        _ => None,
    }
}

fn guard(word: &'static [u8], line: &[u8]) -> Option<Guard> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let numbers = (u64, char(' '), u64, char(' '), u64);
    let (time, _, number, _, flags) = whole(preceded(tag(word), numbers), line)?;
    Some(Guard { time, number, flags })
}

/// Reads `%output` and `%extended-output`.
pub(super) fn output(line: &[u8]) -> Option<Output<'_>> {
    let plain = map(
        (preceded(tag("%output "), pane), char(' '), rest),
        |(pane, _, data)| Output {
            pane,
            age_ms: None,
            data,
        },
    );
    let extended = map(
        (
            preceded(tag("%extended-output "), pane),
            preceded(char(' '), u64),
            take_until(" : "),
            tag(" : "),
            rest,
        ),
        |(pane, age, _, _, data)| Output {
            pane,
            age_ms: Some(age),
            data,
        },
    );
    whole(alt((plain, extended)), line)
}

/// Reads any other notification: `%`, a word, and what follows. Nothing, if the line is none.
pub(super) fn notice(line: &Bytes) -> Option<Notice> {
    let word = preceded(
        char('%'),
        take_while1(|b: u8| b.is_ascii_lowercase() || b == b'-'),
    );
    let (fields, name) = terminated(word, field_end).parse(line.as_ref()).ok()?;
    let keep = |part: &[u8]| line.slice_ref(part);
    let known = known(name, fields, &keep);
    Some(known.unwrap_or_else(|| Notice::Unknown {
        name: keep(name),
        rest: keep(fields),
    }))
}

fn known(name: &[u8], fields: &[u8], keep: &impl Fn(&[u8]) -> Bytes) -> Option<Notice> {
    let keep = |part: &[u8]| keep(part);
    Some(match name {
        b"pause" => Notice::Pause(one(pane, fields)?),
        b"continue" => Notice::Continue(one(pane, fields)?),
        b"pane-mode-changed" => Notice::PaneModeChanged(one(pane, fields)?),
        b"sessions-changed" => Notice::SessionsChanged,
        b"window-add" => Notice::WindowAdd(one(window, fields)?),
        b"window-close" => Notice::WindowClose(one(window, fields)?),
        b"unlinked-window-add" => Notice::UnlinkedWindowAdd(one(window, fields)?),
        b"unlinked-window-close" => Notice::UnlinkedWindowClose(one(window, fields)?),
        b"window-renamed" | b"unlinked-window-renamed" => renamed(name, fields, keep)?,
        b"window-pane-changed" => {
            let (window, pane) = first((field(window), field(pane)), fields)?;
            Notice::WindowPaneChanged { window, pane }
        }
        b"session-window-changed" => {
            let (session, window) = first((field(session), field(window)), fields)?;
            Notice::SessionWindowChanged { session, window }
        }
        b"layout-change" => layout_change(fields, keep)?,
        b"session-changed" | b"session-renamed" | b"client-session-changed" | b"client-detached" => {
            session_notice(name, fields, keep)?
        }
        b"subscription-changed" => subscription_changed(fields, keep)?,
        b"paste-buffer-changed" => Notice::PasteBufferChanged { name: keep(fields) },
        b"paste-buffer-deleted" => Notice::PasteBufferDeleted { name: keep(fields) },
        b"message" => Notice::Message { text: keep(fields) },
        b"config-error" => Notice::ConfigError { text: keep(fields) },
        b"exit" => Notice::Exit {
            reason: (!fields.is_empty()).then(|| keep(fields)),
        },
        _ => return None,
    })
}

fn renamed(word: &[u8], fields: &[u8], keep: impl Fn(&[u8]) -> Bytes) -> Option<Notice> {
    let (window, name) = first((field(window), rest), fields)?;
    let name = keep(name);
    Some(match word {
        b"window-renamed" => Notice::WindowRenamed { window, name },
        _ => Notice::UnlinkedWindowRenamed { window, name },
    })
}

fn session_notice(word: &[u8], fields: &[u8], keep: impl Fn(&[u8]) -> Bytes) -> Option<Notice> {
    let named = || first((field(session), rest), fields).map(|(session, name)| (session, keep(name)));
    Some(match word {
        b"session-changed" => named().map(|(session, name)| Notice::SessionChanged { session, name })?,
        b"session-renamed" => named().map(|(session, name)| Notice::SessionRenamed { session, name })?,
        b"client-detached" => Notice::ClientDetached {
            client: keep(one(text, fields)?),
        },
        _ => {
            let (client, session, name) = first((field(text), field(session), rest), fields)?;
            Notice::ClientSessionChanged {
                client: keep(client),
                session,
                name: keep(name),
            }
        }
    })
}

fn layout_change(fields: &[u8], keep: impl Fn(&[u8]) -> Bytes) -> Option<Notice> {
    let (window, layout, visible, flags) = first((field(window), field(text), field(text), rest), fields)?;
    Some(Notice::LayoutChange {
        window,
        layout: Layout::parse(layout).ok()?,
        visible: Layout::parse(visible).ok()?,
        flags: keep(flags),
    })
}

fn subscription_changed(fields: &[u8], keep: impl Fn(&[u8]) -> Bytes) -> Option<Notice> {
    let ids = (
        field(session),
        field(maybe(window)),
        field(maybe(u32)),
        field(maybe(pane)),
    );
    let (name, (session, window, index, pane), _, value) =
        first((field(text), ids, tag(": "), rest), fields)?;
    Some(Notice::SubscriptionChanged {
        name: keep(name),
        session,
        window,
        index,
        pane,
        value: keep(value),
    })
}

fn pane(text: &[u8]) -> Parsed<'_, PaneId> {
    map(preceded(char('%'), u32), PaneId).parse(text)
}

fn window(text: &[u8]) -> Parsed<'_, WindowId> {
    map(preceded(char('@'), u32), WindowId).parse(text)
}

fn session(text: &[u8]) -> Parsed<'_, SessionId> {
    map(preceded(char('$'), u32), SessionId).parse(text)
}

/// A word: anything up to a space.
fn text(text: &[u8]) -> Parsed<'_, &[u8]> {
    take_till1(|b| b == b' ').parse(text)
}

/// `-` where a field does not apply.
fn maybe<'a, T: Clone>(
    inner: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> impl Fn(&'a [u8]) -> Parsed<'a, Option<T>> {
    move |text| alt((value(None, char('-')), map(&inner, Some))).parse(text)
}

/// A field and the space after it, or the end of the line.
fn field<'a, T>(inner: impl Fn(&'a [u8]) -> Parsed<'a, T>) -> impl Fn(&'a [u8]) -> Parsed<'a, T> {
    move |text| terminated(&inner, field_end).parse(text)
}

fn field_end(text: &[u8]) -> Parsed<'_, ()> {
    alt((value((), char(' ')), value((), eof))).parse(text)
}

/// Reads one field and ignores further ones.
fn one<'a, T>(inner: impl Fn(&'a [u8]) -> Parsed<'a, T>, fields: &'a [u8]) -> Option<T> {
    first(field(inner), fields)
}

/// Reads what is at the start of `text`.
fn first<'a, P>(mut parser: P, text: &'a [u8]) -> Option<P::Output>
where
    P: Parser<&'a [u8], Error = nom::error::Error<&'a [u8]>>,
{
    parser.parse(text).ok().map(|(_, value)| value)
}

/// Reads `text` to its end.
fn whole<'a, P>(parser: P, text: &'a [u8]) -> Option<P::Output>
where
    P: Parser<&'a [u8], Error = nom::error::Error<&'a [u8]>>,
{
    first(terminated(parser, eof), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &'static str) -> Notice {
        notice(&Bytes::from_static(line.as_bytes())).unwrap()
    }

    #[test]
    fn a_name_runs_to_the_end_of_the_line() {
        let want = Notice::WindowRenamed {
            window: WindowId(1),
            name: Bytes::from_static(b"a b  c "),
        };
        assert_eq!(read("%window-renamed @1 a b  c "), want);
    }

    #[test]
    fn a_name_may_be_empty() {
        let want = Notice::SessionRenamed {
            session: SessionId(1),
            name: Bytes::new(),
        };
        assert_eq!(read("%session-renamed $1 "), want);
        assert_eq!(read("%session-renamed $1"), want);
    }

    #[test]
    fn the_other_client_is_named() {
        let want = Notice::ClientSessionChanged {
            client: Bytes::from_static(b"/dev/pts/7"),
            session: SessionId(1),
            name: Bytes::from_static(b"a b"),
        };
        assert_eq!(read("%client-session-changed /dev/pts/7 $1 a b"), want);
    }

    #[test]
    fn fields_a_newer_tmux_adds_are_ignored() {
        assert_eq!(read("%window-add @1 more"), Notice::WindowAdd(WindowId(1)));
        assert_eq!(read("%sessions-changed more"), Notice::SessionsChanged);
    }

    #[test]
    fn a_subscription_says_what_it_is_about() {
        let Notice::SubscriptionChanged {
            window,
            index,
            pane,
            value,
            ..
        } = read("%subscription-changed n $1 @2 3 %4 : a : b")
        else {
            panic!("not read")
        };
        assert_eq!(
            (window, index, pane),
            (Some(WindowId(2)), Some(3), Some(PaneId(4)))
        );
        assert_eq!(value, "a : b");
        let Notice::SubscriptionChanged {
            window: None,
            index: None,
            pane: None,
            ..
        } = read("%subscription-changed n $1 - - - : x")
        else {
            panic!("not read")
        };
    }

    #[test]
    fn an_exit_may_say_why() {
        assert_eq!(read("%exit"), Notice::Exit { reason: None });
        assert_eq!(
            read("%exit too far behind"),
            Notice::Exit {
                reason: Some("too far behind".into())
            }
        );
    }

    #[test]
    fn a_layout_change_may_have_no_flags() {
        for line in [
            "%layout-change @1 b29e,90x24,0,0,1 b29e,90x24,0,0,1 ",
            "%layout-change @1 b29e,90x24,0,0,1 b29e,90x24,0,0,1",
        ] {
            let Notice::LayoutChange {
                window: WindowId(1),
                layout,
                flags,
                ..
            } = read(line)
            else {
                panic!("not read")
            };
            assert_eq!((layout.panes.len(), flags), (1, Bytes::new()));
        }
    }
}
