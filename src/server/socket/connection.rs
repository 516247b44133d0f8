//! The life of one viewer's connection.

use std::{pin::pin, sync::Arc, time::Duration};

use fastwebsockets::upgrade::UpgradeFut;
use llmux_protocol::api::{
    Action, ApiError, ErrorCode,
    socket::{Act, FromViewer, MAX_MESSAGE_BYTES, OldMessage},
};
use tokio::{io::AsyncRead, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    super::{gate::Caller, leaving::hidden},
    End, Form,
    board::Board,
    hands::Hands,
    incoming::{Incoming, Message},
    talk::Talk,
    teller::Teller,
};
use crate::{
    push::{Gaze, Look},
    session::{MAX_PROMPT_BYTES, Sessions, View},
};

/// How long the upgrade may take once it was answered.
const UPGRADE: Duration = Duration::from_secs(10);
/// How long a viewer may take for its part of the goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A viewer's connection that is about to be made.
pub(super) struct Connection {
    pub(super) form: Form,
    /// The person, for other people.
    pub(super) who: Arc<str>,
    /// What its person may do with the session.
    pub(super) may: Vec<Action>,
    pub(super) name: String,
    pub(super) view: View,
    pub(super) board: Arc<Board>,
    pub(super) gaze: Gaze,
    pub(super) leaving: CancellationToken,
    pub(super) sessions: Sessions,
    pub(super) caller: Caller,
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn serve(self, upgrade: UpgradeFut) {
        let Ok(Ok(socket)) = timeout(UPGRADE, upgrade).await else {
            return;
        };
        let rights = (self.caller.clone(), self.may.clone());
        let mut hidden = pin!(hidden(
            self.sessions,
            Some(self.view.program),
            self.name.clone(),
            rights
        ));
        let (read, write) = socket.split(tokio::io::split);
        let talk = Arc::new(Talk::new());
        let View {
            pane,
            subscription,
            input,
            presence,
            sizing,
            ..
        } = self.view;
        let mut ear = Ear {
            form: self.form,
            may_type: self.may.contains(&Action::Type),
            hands: Hands::new(input, sizing, talk.clone()),
            talk: talk.clone(),
            gaze: self.gaze,
            who: self.who,
            session: self.name.clone(),
            look: None,
        };
        let most = match self.form {
            Form::V1 => MAX_MESSAGE_BYTES,
            // Its clients send a paste of any size in one message.
            Form::Old => MAX_PROMPT_BYTES,
        };
        let mut hearing = pin!(ear.hear(Incoming::new(read, most)));
        let mut teller = Teller::new(
            write,
            self.form,
            talk.clone(),
            pane,
            subscription,
            presence,
            &self.board,
        );
        let mut is_heard = false;
        let end = {
            let mut telling = pin!(teller.tell(&self.name, &self.may));
            let asked = tokio::select! {
                end = &mut telling => Err(end),
                end = &mut hearing => {
                    is_heard = true;
                    Ok(end)
                }
                end = talk.watch() => Ok(end),
                () = self.leaving.cancelled() => Ok(End::Leaving),
                () = self.caller.revoked() => Ok(End::Revoked),
                () = &mut hidden => Ok(End::Renamed),
            };
            match asked {
                Err(end) => end,
                Ok(End::Gone) => return,
                // A frame that is being written is written to its end; else the goodbye would be in the middle of it.
                Ok(end) => {
                    talk.ask(|due| due.end = Some(end));
                    timeout(GOODBYE, telling).await.unwrap_or(End::Gone)
                }
            }
        };
        tracing::debug!(session = self.name, ?end, "a viewer leaves");
        if timeout(GOODBYE, teller.close(&end)).await.is_ok() && !is_heard {
            // What is unread when a socket is closed would cost the viewer the goodbye.
            let _ = timeout(GOODBYE, hearing).await;
        }
    }
}

/// Hears what a viewer says.
struct Ear {
    form: Form,
    may_type: bool,
    hands: Hands,
    talk: Arc<Talk>,
    gaze: Gaze,
    who: Arc<str>,
    session: String,
    /// A person has the session before their eyes.
    look: Option<Look>,
}

impl Ear {
    /// Hears everything, until the connection ends.
    async fn hear<R: AsyncRead + Unpin>(&mut self, mut incoming: Incoming<R>) -> End {
        loop {
            let message = match incoming.next().await {
                Ok(message) => message,
                Err(end) => return end,
            };
            self.talk.heard();
            match message {
                Message::Pong => {}
                Message::Ping(payload) => self.talk.ask(|due| due.pong = Some(payload)),
                Message::Binary(keys) => self.keys(&keys).await,
                Message::Text(text) if self.form == Form::V1 => self.said(&text),
                Message::Text(text) => self.said_of_old(&text).await,
            }
        }
    }

    async fn keys(&self, keys: &[u8]) {
        if self.may_type {
            self.hands.keys(keys).await;
        } else {
            self.forbid("type into this session");
        }
    }

    fn said(&mut self, text: &[u8]) {
        match FromViewer::read(text) {
            Ok(FromViewer::Fit { cols, rows, act }) => self.size(Some(act), cols, rows),
            Ok(FromViewer::Size { cols, rows }) => self.size(None, cols, rows),
            Ok(FromViewer::Ack { seq }) => self.talk.ask(|due| due.ack = due.ack.max(Some(seq))),
            Ok(FromViewer::Resync) => self.talk.ask(|due| due.resync = true),
            Ok(FromViewer::Look { visible }) => {
                self.look = visible.then(|| self.gaze.look(&self.who, &self.session));
            }
            Err(why) => self.talk.refuse(ApiError::new(
                ErrorCode::BadRequest,
                format!("this is no message of a viewer: {why}"),
            )),
        }
    }

    async fn said_of_old(&self, text: &[u8]) {
        match OldMessage::read(text) {
            OldMessage::Resize { cols, rows } => self.size(Some(Act::Open), cols, rows),
            OldMessage::Nonsense => {}
            OldMessage::Keys => self.keys(text).await,
        }
    }

    /// The size is his who may type: to everybody else the program would look as he does not want it.
    fn size(&self, act: Option<Act>, cols: u16, rows: u16) {
        if self.may_type {
            self.hands.size(act, cols, rows);
        } else if act == Some(Act::Fit) {
            self.forbid("hold the size of this session");
        }
    }

    fn forbid(&self, what: &str) {
        let error = ApiError::new(ErrorCode::Forbidden, format!("you may not {what}"));
        self.talk.refuse(error);
    }
}
