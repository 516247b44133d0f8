//! Random entries.

use llmux_protocol::api::{
    Dialog, DialogKind, DialogOption, DraftPolicy, Evidence, Reply, Source, Step, TurnError, WaitFor,
};
use proptest::{option::of, prelude::*, sample::select};

use super::*;

/// Any text: all of Unicode, line ends, NUL.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn source() -> impl Strategy<Value = Source> {
    use Source::{Caller, Hook, Marker, Process, Screen, Timeout, Transcript};
    select(vec![Process, Hook, Transcript, Marker, Screen, Timeout, Caller])
}

fn state() -> impl Strategy<Value = TurnState> {
    use TurnState::{
        Blocked, Cancelled, Ended, Failed, Queued, Refused, Running, SessionGone, Submitting, Timeout,
        Unknown, Unsubmitted,
    };
    select(vec![
        Queued,
        Submitting,
        Running,
        Blocked,
        Ended,
        Failed,
        Refused,
        Unsubmitted,
        Timeout,
        Cancelled,
        SessionGone,
        Unknown,
    ])
}

fn stages() -> impl Strategy<Value = Stages> {
    let at = of(any::<u64>());
    (at.clone(), at.clone(), at.clone(), at.clone(), at).prop_map(
        |(started, submitted, accepted, first_output, ended)| Stages {
            started,
            submitted,
            accepted,
            first_output,
            ended,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let step = select(vec![
        Step::Ready,
        Step::Typed,
        Step::Accepted,
        Step::Blocked,
        Step::Ended,
    ]);
    (step, source(), text()).prop_map(|(step, source, detail)| Evidence { step, source, detail })
}

fn reply() -> impl Strategy<Value = Reply> {
    (text(), source(), any::<bool>()).prop_map(|(text, source, complete)| Reply {
        text,
        source,
        complete,
    })
}

fn dialog() -> impl Strategy<Value = Dialog> {
    let kind = select(vec![
        DialogKind::Approval,
        DialogKind::Trust,
        DialogKind::Login,
        DialogKind::Question,
    ]);
    let option = (text(), of(text())).prop_map(|(label, description)| DialogOption { label, description });
    let options = proptest::collection::vec(option, 0..4);
    (text(), kind, of(text()), text(), options, of(any::<usize>())).prop_map(
        |(id, kind, header, question, options, selected)| Dialog {
            id,
            kind,
            header,
            question,
            options,
            selected,
        },
    )
}

fn error() -> impl Strategy<Value = TurnError> {
    (text(), text(), of(text())).prop_map(|(code, message, hint)| TurnError { code, message, hint })
}

fn turn() -> impl Strategy<Value = Turn> {
    let who = (text(), text(), text(), of(text()));
    let origin = select(vec![
        Origin::Prompt,
        Origin::Broadcast,
        Origin::Init,
        Origin::NewChat,
    ]);
    let typed =
        (any::<usize>(), text(), text()).prop_map(|(bytes, blake3, head)| Typed { bytes, blake3, head });
    let queue = (state(), of(any::<u32>()), origin, typed, 2000..2300_u32);
    let evidence = proptest::collection::vec(evidence(), 0..4);
    let progress = (stages(), evidence, of(reply()), of(dialog()), of(error()));
    (who, queue, progress).prop_map(|(who, queue, progress)| {
        let (id, session, agent, key) = who;
        let (state, place, origin, prompt, year) = queue;
        let (stages, evidence, reply, dialog, error) = progress;
        Turn {
            id,
            session,
            agent,
            state,
            place,
            key,
            origin,
            prompt,
            queued_at: format!("{year}-01-02T03:04:05.678Z"),
            stages,
            evidence,
            reply,
            dialog,
            error,
        }
    })
}

fn request() -> impl Strategy<Value = TurnRequest> {
    let wait = select(vec![WaitFor::Queued, WaitFor::Submitted, WaitFor::Ended]);
    let draft = select(vec![DraftPolicy::Fail, DraftPolicy::Replace, DraftPolicy::Keep]);
    let flags = any::<[bool; 5]>();
    (text(), flags, wait, draft, of(any::<u64>()), of(text())).prop_map(
        |(prompt, [enter, now, force, no_turnq, allow_uncoordinated], wait, draft, timeout_ms, key)| {
            TurnRequest {
                prompt,
                enter,
                wait,
                now,
                timeout_ms,
                key,
                draft,
                force,
                no_turnq,
                allow_uncoordinated,
            }
        },
    )
}

/// Any entry.
pub(super) fn entry() -> impl Strategy<Value = Entry> {
    (turn(), request(), text()).prop_map(|(turn, request, pane)| Entry { turn, request, pane })
}
