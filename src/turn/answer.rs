//! Answering a dialog: the very one that was shown, and with the answer selected before it is confirmed.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{AnswerRequest, Answered, Dialog, Turn, TurnState};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    error::TurnFault,
    picture::Picture,
    seat::Seat,
    view::{Look, watch_for},
};
use crate::{agent::dialog::are_equal, session::Typist};

/// How long the dialog may take to show each step.
const SHOWN: Duration = Duration::from_secs(2);

/// How long a dialog must stand before it is answered: some are drawn before they listen to keys.
const LISTENS: Duration = Duration::from_millis(300);
/// How long it must be gone: some are wiped for a moment while they are painted anew.
const GONE: Duration = Duration::from_millis(150);

/// What to do with a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Option(usize),
    Cancel,
}

/// Answers the dialog that is open in a seat.
pub(super) async fn answer(seat: &Seat, request: &AnswerRequest) -> Result<Answered, TurnFault> {
    let _attention = seat.oracle.attend();
    let typist = seat.program.input.claim().await;
    let seen = || async {
        seat.oracle
            .look()
            .await
            .ok_or_else(|| TurnFault::NoDialog(seat.name()))
    };
    let mut picture = seen().await?;
    if picture.belief.dialog.is_some() && picture.belief.since + LISTENS > Instant::now() {
        sleep_until(picture.belief.since + LISTENS).await;
        picture = seen().await?;
    }
    let Some(dialog) = picture.belief.dialog.clone() else {
        return Err(TurnFault::NoDialog(seat.name()));
    };
    if request.dialog.as_ref().is_some_and(|meant| *meant != dialog.id) {
        return Err(TurnFault::DialogChanged(Box::new((*dialog).clone())));
    }
    let choice = choose(&dialog, &request.choice).ok_or_else(|| TurnFault::BadChoice {
        choice: request.choice.clone(),
        dialog: Box::new((*dialog).clone()),
    })?;
    let mut answering = Answering {
        seat,
        typist: &typist,
        pictures: seat.oracle.pictures(),
        dialog: dialog.clone(),
    };
    answering.give(choice).await?;
    answering.noticed().await;
    Ok(Answered {
        ok: true,
        choice: match choice {
            Choice::Option(index) => dialog.options[index].label.clone(),
            Choice::Cancel => "cancel".to_owned(),
        },
        dialog: (*dialog).clone(),
    })
}

/// Reads a choice: a number from 1 on, a label or the beginning of one label only, or `cancel`.
fn choose(dialog: &Dialog, choice: &str) -> Option<Choice> {
    let choice = choice.trim();
    if let Ok(number) = choice.parse::<usize>() {
        let index = number.checked_sub(1)?;
        return (index < dialog.options.len()).then_some(Choice::Option(index));
    }
    let wanted = choice.to_lowercase();
    let labels: Vec<String> = dialog
        .options
        .iter()
        .map(|option| option.label.to_lowercase())
        .collect();
    if let Some(index) = labels.iter().position(|label| *label == wanted) {
        return Some(Choice::Option(index));
    }
    if wanted == "cancel" {
        return Some(Choice::Cancel);
    }
    let mut begin = labels
        .iter()
        .enumerate()
        .filter(|(_, label)| !wanted.is_empty() && label.starts_with(&wanted));
    match (begin.next(), begin.next()) {
        (Some((index, _)), None) => Some(Choice::Option(index)),
        _ => None,
    }
}

struct Answering<'a> {
    seat: &'a Seat,
    typist: &'a Typist,
    pictures: watch::Receiver<Arc<Picture>>,
    dialog: Arc<Dialog>,
}

impl Answering<'_> {
    async fn give(&mut self, choice: Choice) -> Result<(), TurnFault> {
        match choice {
            Choice::Cancel => self.confirm(&self.seat.cancel_keys().concat()).await?,
            // The agent says itself which key gives it; Copilot takes Enter there for more to be typed.
            Choice::Option(index) if is_escape(&self.dialog, index) => self.confirm(b"\x1b").await?,
            Choice::Option(index) if self.takes_letters() => {
                self.confirm(&letter(&self.dialog, index)).await?;
            }
            Choice::Option(index) => {
                self.select(index).await?;
                self.confirm(self.seat.submit().enter.as_bytes()).await?;
            }
        }
        self.gone().await
    }

    /// Types what the dialog takes for the answer. Its id is used up before: nobody knows how far a key got that failed.
    async fn confirm(&self, keys: &[u8]) -> Result<(), TurnFault> {
        self.seat.oracle.answered().await;
        self.keys(keys).await
    }

    /// Moves the pointer step by step, and sees it arrive: Enter confirms what is selected, whatever that is.
    async fn select(&mut self, index: usize) -> Result<(), TurnFault> {
        let Some(mut selected) = self.dialog.selected else {
            return Err(TurnFault::NotAnswered(
                "nobody can see which answer is selected, and Enter would confirm that one".to_owned(),
            ));
        };
        while selected != index {
            let key: &[u8] = match (index > selected, self.is_in_a_row()) {
                (true, false) => b"\x1b[B",
                (false, false) => b"\x1b[A",
                (true, true) => b"\x1b[C",
                (false, true) => b"\x1b[D",
            };
            self.keys(key).await?;
            let id = self.dialog.id.clone();
            let from = selected;
            let look = |picture: &Arc<Picture>| match &picture.belief.dialog {
                Some(dialog) if dialog.id != id => Look::Found(None),
                Some(dialog) => match dialog.selected {
                    Some(now) if now != from => Look::Found(Some(now)),
                    _ => Look::Wait,
                },
                None => Look::Wait,
            };
            let moved = watch_for(&mut self.pictures, Some(Instant::now() + SHOWN), look).await;
            selected = match moved {
                Some(Some(now)) if now.abs_diff(index) < from.abs_diff(index) => now,
                Some(None) => return Err(self.changed()),
                _ => {
                    return Err(TurnFault::NotAnswered(
                        "the selection does not follow the arrow keys".to_owned(),
                    ));
                }
            };
        }
        Ok(())
    }

    /// Whether the answer is typed instead of selected.
    fn takes_letters(&self) -> bool {
        self.pictures.borrow().asks_for_letters()
    }

    /// Whether the options stand side by side.
    fn is_in_a_row(&self) -> bool {
        let picture = self.pictures.borrow();
        self.dialog.options.len() > 1 && picture.shows_in_one_row(&self.dialog)
    }

    /// Waits until the dialog is gone, or is another one.
    async fn gone(&mut self) -> Result<(), TurnFault> {
        let answered = self.dialog.clone();
        let mut since = None;
        let look = |picture: &Arc<Picture>| match &picture.belief.dialog {
            Some(dialog) if are_equal(dialog, &answered) => {
                since = None;
                Look::Wait
            }
            _ => {
                let due = *since.get_or_insert_with(Instant::now) + GONE;
                if Instant::now() < due && !picture.has_ended() {
                    return Look::Until(due);
                }
                Look::Found(())
            }
        };
        let gone = watch_for(&mut self.pictures, Some(Instant::now() + SHOWN), look).await;
        if gone.is_some() {
            return Ok(());
        }
        // A program that has not printed since was not looked at since: the id there is the one that is used up.
        let open = self.seat.oracle.look().await;
        match open.and_then(|picture| picture.belief.dialog.clone()) {
            Some(open) if are_equal(&open, &answered) => {
                Err(TurnFault::EqualDialog(Box::new((*open).clone())))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the turn has noticed it: who waits for the turn next must not find it blocked by what was answered.
    async fn noticed(&self) {
        let Some(live) = self.seat.current() else { return };
        let mut turn = live.follow();
        let is_noticed = |turn: &Turn| {
            let asked = turn.dialog.as_ref().map(|dialog| &dialog.id);
            turn.state != TurnState::Blocked || asked != Some(&self.dialog.id)
        };
        let _ = timeout(SHOWN, turn.wait_for(is_noticed)).await;
    }

    fn changed(&self) -> TurnFault {
        let picture = self.pictures.borrow();
        let dialog = picture.belief.dialog.as_deref().unwrap_or(&self.dialog);
        TurnFault::DialogChanged(Box::new(dialog.clone()))
    }

    async fn keys(&self, keys: &[u8]) -> Result<(), TurnFault> {
        Ok(self.typist.keys(keys).await?)
    }
}

/// Whether an answer is labelled as what Escape gives: `No, suggest changes (esc)`.
fn is_escape(dialog: &Dialog, index: usize) -> bool {
    let label = &dialog.options[index].label;
    label.to_lowercase().contains("(esc")
}

/// What answers a question such as `(Y)es/(N)o`: the first letter, and Enter.
fn letter(dialog: &Dialog, index: usize) -> Vec<u8> {
    let mut keys: Vec<u8> = dialog.options[index]
        .label
        .chars()
        .find(|c| c.is_alphanumeric())
        .map(|c| c.to_lowercase().to_string().into_bytes())
        .unwrap_or_default();
    keys.push(b'\r');
    keys
}

#[cfg(test)]
mod tests {
    use llmux_protocol::api::{DialogKind, DialogOption};

    use super::*;

    fn dialog(labels: &[&str]) -> Dialog {
        Dialog {
            id: String::new(),
            kind: DialogKind::Approval,
            header: None,
            question: "Proceed?".to_owned(),
            options: labels
                .iter()
                .map(|label| DialogOption {
                    label: (*label).to_owned(),
                    description: None,
                })
                .collect(),
            selected: Some(0),
        }
    }

    #[test]
    fn a_choice_is_a_number_a_label_or_the_beginning_of_one() {
        let dialog = dialog(&["Yes", "Yes, and don't ask again", "No"]);
        let option = |index| Some(Choice::Option(index));
        assert_eq!(choose(&dialog, "3"), option(2));
        assert_eq!(choose(&dialog, "yes"), option(0));
        assert_eq!(choose(&dialog, "yes,"), option(1));
        assert_eq!(choose(&dialog, " N "), option(2));
        assert_eq!(choose(&dialog, "cancel"), Some(Choice::Cancel));
        for bad in ["0", "4", "-1", "", "maybe", "ye"] {
            assert_eq!(choose(&dialog, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_option_named_cancel_is_an_option() {
        assert_eq!(
            choose(&dialog(&["Go", "Cancel"]), "cancel"),
            Some(Choice::Option(1))
        );
    }

    #[test]
    fn an_answer_may_say_that_escape_gives_it() {
        let dialog = dialog(&["Yes", "No, suggest changes (esc)", "No (Esc to stop)", "Escape"]);
        let given: Vec<bool> = (0..4).map(|index| is_escape(&dialog, index)).collect();
        assert_eq!(given, [false, true, true, false]);
    }

    #[test]
    fn a_question_without_a_pointer_is_answered_by_its_letter() {
        assert_eq!(letter(&dialog(&["(Y)es", "(N)o"]), 1), b"n\r");
    }
}
