//! A new conversation in a running session.

use llmux_protocol::api::{NewChatReply, Origin, Step, TurnRequest, TurnState, WaitFor};

use super::{TurnFault, TurnRefusal, Turns};

impl Turns {
    /// Has a session's agent begin a new conversation, once it is ready and nothing half-typed is in its composer, and waits
    /// for proof.
    ///
    /// # Errors
    ///
    /// Where the agent has no command for it; where nothing was typed, or nothing shows that it worked.
    pub(crate) async fn new_chat(&self, name: &str) -> Result<Result<NewChatReply, TurnRefusal>, TurnFault> {
        let seat = self.seat(name).await?;
        let agent = seat.program.agent.as_ref();
        let command = agent.and_then(|agent| agent.new_chat.clone());
        let command = command.ok_or_else(|| TurnFault::NoNewChat(seat.program.record.agent.clone()))?;
        let request = TurnRequest {
            no_turnq: true,
            ..TurnRequest::new(command)
        };
        let begun = self.begin(name, request, Origin::NewChat).await?;
        let turn = begun.reaches(WaitFor::Ended).await;
        if turn.state != TurnState::Ended {
            return Ok(Err(TurnRefusal::of(&turn)));
        }
        let ended = turn
            .evidence
            .iter()
            .rev()
            .find(|evidence| evidence.step == Step::Ended);
        Ok(Ok(NewChatReply {
            ok: true,
            session: self.sessions.get(&turn.session).await?,
            evidence: ended.map(|evidence| evidence.detail.clone()).unwrap_or_default(),
        }))
    }
}
