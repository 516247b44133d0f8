//! Waiting for a turn's end, through Ctrl-C and through a daemon that hands over to the next.

use std::time::Instant;

use llmux_protocol::api::{Turn, TurnCancel, TurnState, TurnWait};

use super::stream;
use crate::{
    cli::{
        duration,
        failure::{Exit, Failure},
        out,
        signal::Signals,
    },
    client::{Client, ClientError, Target, turn_path},
};

/// A turn that is followed.
pub(crate) struct Follow {
    pub(crate) client: Client,
    pub(crate) signals: Signals,
    pub(crate) id: String,
    /// Whether a signal cancels the turn too.
    pub(crate) cancel: bool,
}

impl Follow {
    /// Waits for the turn's end, or a question of the agent.
    pub(crate) async fn end(&mut self, wait: &TurnWait) -> Result<Turn, Failure> {
        let turn = tokio::select! {
            turn = end(&mut self.client, &self.id, wait) => turn,
            exit = self.signals.next() => return Err(self.leave(exit).await),
        };
        turn.map_err(|error| self.lost(error))
    }

    /// Prints the turn's reply, or its events as JSON, as they come; returns the turn at its end or at a question.
    pub(crate) async fn stream(&mut self, json: bool) -> Result<Turn, Failure> {
        let mut printer = stream::Printer::new(json);
        let seen = tokio::select! {
            seen = stream::events(&mut self.client, &self.id, &mut printer) => seen?,
            exit = self.signals.next() => return Err(self.leave(exit).await),
            unread = out::unread() => return Err(unread),
        };
        let turn = if let Some(turn) = seen {
            turn
        } else {
            // The daemon left; the next one knows how it ends.
            let turn = self.end(&TurnWait::default()).await?;
            printer.turn(&turn)?;
            turn
        };
        printer.finish(&turn)?;
        Ok(turn)
    }

    /// Ends the waiting because of a signal.
    async fn leave(&mut self, exit: Exit) -> Failure {
        if self.cancel {
            leave_cancelling(self.client.target(), &self.id, exit, self.signals.next()).await
        } else {
            goes_on(&self.id, exit)
        }
    }

    /// A failure of the waiting, with the way to go on where the turn does.
    fn lost(&self, error: ClientError) -> Failure {
        let goes_on = matches!(error, ClientError::Left) || error.has_left();
        let failure = Failure::from(error);
        if goes_on {
            failure.hint(format!("the turn goes on: llmux turn wait {}", self.id))
        } else {
            failure
        }
    }
}

fn goes_on(id: &str, exit: Exit) -> Failure {
    Failure::new(exit, format!("the turn goes on: llmux turn wait {id}"))
}

/// Cancels the turn before it leaves, unless there is another signal: who presses Ctrl-C twice does not want to wait.
async fn leave_cancelling(
    target: &Target,
    id: &str,
    exit: Exit,
    again: impl Future<Output = Exit>,
) -> Failure {
    let answer = tokio::select! {
        answer = cancel(target, id) => answer,
        exit = again => return goes_on(id, exit),
    };
    match answer {
        Ok(turn) => Failure::new(exit, format!("turn {id} is {}", turn.state.as_str())),
        Err(error) => {
            let why = Failure::from(error).message();
            Failure::new(exit, format!("turn {id} could not be cancelled: {why}"))
                .hint(format!("llmux turn cancel {id}"))
        }
    }
}

/// Whether nothing more is to be waited for.
pub(super) fn is_over(turn: &Turn) -> bool {
    turn.state.is_final() || turn.state == TurnState::Blocked
}

/// Waits for a turn's end, or a question of the agent, through daemons that leave.
pub(crate) async fn end(client: &mut Client, id: &str, wait: &TurnWait) -> Result<Turn, ClientError> {
    let began = Instant::now();
    let rest = || TurnWait {
        timeout_ms: duration::rest(wait.timeout_ms, began.elapsed()),
        ..wait.clone()
    };
    client.post_lasting(&turn_path(id, "wait"), rest).await
}

/// Cancels over a connection of its own: the other one is in the middle of a request.
async fn cancel(target: &Target, id: &str) -> Result<Turn, ClientError> {
    let mut client = Client::open(target).await?;
    client
        .post(&turn_path(id, "cancel"), &TurnCancel::default())
        .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::{
        cli::turn::sample,
        client::fake::{self, answer},
    };

    fn ok(turn: &Turn) -> String {
        answer("200 OK", &serde_json::to_string(turn).unwrap())
    }

    const LEAVING: &str = r#"{"ok":false,"error":"the daemon leaves","code":"tmux"}"#;

    #[tokio::test]
    async fn a_wait_is_asked_again_of_the_next_daemon() {
        let turn = sample::replied("yes");
        let (_dir, socket, server) =
            fake::daemon(&[String::new(), answer("502 Bad Gateway", LEAVING), ok(&turn)]);
        let mut client = Client::connect(&socket).await.unwrap();
        let wait = TurnWait {
            timeout_ms: Some(3_600_000),
            through_dialogs: false,
        };
        assert_eq!(end(&mut client, "t1", &wait).await.unwrap(), turn);
        for request in server.await.unwrap() {
            assert!(request.starts_with("POST /api/turns/t1/wait "), "{request}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_not_asked_again() {
        let late = r#"{"ok":false,"error":"late","code":"timeout"}"#;
        let (_dir, socket, server) = fake::daemon(&[answer("408 Request Timeout", late)]);
        let mut client = Client::connect(&socket).await.unwrap();
        let error = end(&mut client, "t1", &TurnWait::default()).await.unwrap_err();
        assert_eq!(Failure::from(error).kind(), Exit::TimedOut);
        assert_eq!(server.await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_signal_says_how_to_go_on_or_cancels() {
        let failure = goes_on("t1", Exit::Terminated);
        assert_eq!(failure.message(), "the turn goes on: llmux turn wait t1");
        let cancelled = Turn {
            state: TurnState::Cancelled,
            ..sample::queued()
        };
        let (_dir, socket, server) = fake::daemon(&[ok(&cancelled)]);
        let failure =
            leave_cancelling(&Target::Unix(socket.clone()), "t1", Exit::Interrupted, pending()).await;
        assert_eq!(
            (failure.kind(), failure.message().as_str()),
            (Exit::Interrupted, "turn t1 is cancelled")
        );
        assert!(server.await.unwrap()[0].starts_with("POST /api/turns/t1/cancel "));
    }

    #[tokio::test]
    async fn a_second_signal_does_not_wait_for_the_cancelling() {
        let (_dir, socket) = fake::place();
        let _deaf = tokio::net::UnixListener::bind(&socket).unwrap();
        let failure = leave_cancelling(
            &Target::Unix(socket.clone()),
            "t1",
            Exit::Interrupted,
            ready(Exit::Terminated),
        )
        .await;
        assert_eq!(failure.kind(), Exit::Terminated);
    }
}
