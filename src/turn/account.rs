//! What an agent says of one turn: its end, its answer, each report heard once.

use llmux_protocol::api::Source;
use tokio::time::Instant;

use super::{
    composer::Wanted,
    ending::{End, How},
    report::{News, Report, Reports},
};

/// Where the transcript is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Written {
    /// This prompt is not there.
    #[default]
    No,
    /// It is the last one there.
    Last,
    /// Others have come behind it.
    Before,
}

/// Listens to what is reported from one turn's submission on.
#[derive(Debug)]
pub(super) struct Account {
    /// The last report that was heard.
    heard: u64,
    /// When the prompt was entered: what was said before is about something else.
    since: Instant,
    /// It was told that it works, on this prompt as far as that is known.
    pub(super) works: bool,
    /// Its hooks told that it took a prompt.
    began: bool,
    /// A hook told an end.
    pub(super) hooked: bool,
    written: Written,
    /// The last message of this turn.
    pub(super) reply: Option<String>,
    /// When the first one came.
    pub(super) replied_at: Option<Instant>,
    pub(super) end: Option<End>,
}

impl Account {
    /// Listens from the report `heard` on, and to what was said after `since`.
    pub(super) fn since(heard: u64, since: Instant) -> Self {
        Self {
            heard,
            since,
            works: false,
            began: false,
            hooked: false,
            written: Written::No,
            reply: None,
            replied_at: None,
            end: None,
        }
    }

    /// Hears what is new.
    pub(super) fn hear(&mut self, reports: &Reports, wanted: &Wanted) {
        for report in reports.since(self.heard, self.since) {
            // An end that was told before the prompt of this turn is the one of the turn before, told late.
            let is_late = report.source == Source::Hook && reports.hooks_tell_prompts() && !self.began;
            self.heard = report.number;
            let is_end = matches!(report.news, News::Done(_) | News::Failed(_) | News::Interrupted);
            self.hooked |= is_end && report.source == Source::Hook && !is_late;
            match &report.news {
                News::Working => self.works = true,
                News::Accepted(prompt) => self.begins(report.source, prompt.as_deref(), wanted),
                News::Reply(text) if self.written == Written::Last => {
                    self.reply = Some(text.clone());
                    self.replied_at.get_or_insert(report.at);
                }
                News::Done(text) if !is_late => {
                    let is_its = match self.written {
                        Written::No => report.source == Source::Hook,
                        Written::Last => report.source != Source::Hook || self.reply.is_none(),
                        Written::Before => false,
                    };
                    if is_its && text.is_some() {
                        self.reply.clone_from(text);
                        self.replied_at.get_or_insert(report.at);
                    }
                    self.ends(report, How::Done);
                }
                News::Idle if self.works => self.ends(report, How::Done),
                News::Failed(why) if !is_late => self.ends(report, How::Failed(why.clone())),
                News::Interrupted if !is_late => self.ends(report, How::Interrupted),
                _ => {}
            }
        }
    }

    /// Whether the transcript holds this prompt: then it will hold the answer.
    pub(super) fn is_written(&self) -> bool {
        self.written != Written::No
    }

    /// Forgets an end that a hook has told: it was another turn's.
    pub(super) fn disown(&mut self) {
        (self.end, self.hooked) = (None, false);
        if self.written == Written::No {
            (self.reply, self.replied_at) = (None, None);
        }
    }

    fn begins(&mut self, source: Source, prompt: Option<&str>, wanted: &Wanted) {
        match (source, prompt) {
            (Source::Transcript, Some(prompt)) => {
                if wanted.is_in(prompt) {
                    (self.works, self.written) = (true, Written::Last);
                    (self.end, self.reply, self.replied_at) = (None, None, None);
                } else if self.written == Written::Last {
                    self.written = Written::Before;
                }
            }
            (Source::Hook, _) if !self.began => {
                self.began = true;
                self.end.take_if(|end| end.source == Source::Hook);
            }
            _ => {}
        }
    }

    fn ends(&mut self, report: &Report, how: How) {
        // Some say that it is over, and then that it went wrong; a hook's last word is the latest one's.
        let is_better = |known: &End| {
            known.how == How::Done && how != How::Done
                || known.source == Source::Hook && report.source == Source::Hook
        };
        if self.end.as_ref().is_some_and(|known| !is_better(known))
            || report.source == Source::Transcript && !self.works
        {
            return;
        }
        self.end = Some(End {
            at: report.at,
            source: report.source,
            detail: report.detail.clone(),
            how,
            told: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &[(Source, News)]) -> Account {
        let (mut reports, began) = (Reports::default(), Instant::now());
        for (source, news) in said {
            reports.add(Instant::now(), *source, news.clone(), "");
        }
        let mut account = Account::since(0, began);
        account.hear(&reports, &Wanted::new(b"the prompt"));
        account
    }

    fn took(prompt: &str) -> News {
        News::Accepted(Some(prompt.to_owned()))
    }

    fn done(text: &str) -> News {
        News::Done(Some(text.to_owned()))
    }

    #[test]
    fn the_late_end_of_the_turn_before_is_not_this_ones() {
        use Source::{Hook, Transcript};
        let late = heard(&[(Hook, done("old"))]);
        assert!(late.end.is_some(), "nothing else tells whose it is");
        let began = heard(&[(Hook, done("old")), (Hook, took("the prompt"))]);
        assert_eq!((began.end, began.reply.as_deref()), (None, None));
        let ended = heard(&[
            (Hook, done("old")),
            (Hook, took("the prompt")),
            (Hook, done("new")),
        ]);
        assert_eq!(ended.reply.as_deref(), Some("new"));
        assert!(ended.end.is_some());
        let written = [(Transcript, done("old")), (Transcript, took("the prompt"))];
        assert!(heard(&written).end.is_none());
    }

    #[test]
    fn the_transcript_has_the_last_word_on_the_answer() {
        use Source::{Hook, Transcript};
        let said = [
            (Transcript, took("the prompt")),
            (Transcript, News::Reply("new".to_owned())),
            (Hook, done("old")),
        ];
        assert_eq!(heard(&said).reply.as_deref(), Some("new"));
    }

    #[test]
    fn what_was_said_before_enter_is_about_something_else() {
        let (mut reports, before) = (Reports::default(), Instant::now());
        let entered = before + std::time::Duration::from_millis(1);
        // It came after the last look before Enter, but is older.
        reports.add(before, Source::Status, News::Done(None), "");
        let mut account = Account::since(0, entered);
        account.hear(&reports, &Wanted::new(b"the prompt"));
        assert_eq!(account.end, None);
        reports.add(entered, Source::Status, News::Done(None), "");
        account.hear(&reports, &Wanted::new(b"the prompt"));
        assert_eq!(account.end.map(|end| end.at), Some(entered));
    }

    #[test]
    fn however_much_is_said_nothing_of_the_turn_is_forgotten() {
        let (mut account, mut reports) = (Account::since(0, Instant::now()), Reports::default());
        reports.add(Instant::now(), Source::Transcript, took("the prompt"), "");
        for _ in 0..500 {
            reports.add(Instant::now(), Source::Status, News::Working, "");
            account.hear(&reports, &Wanted::new(b"the prompt"));
        }
        assert!(account.is_written() && account.works);
    }
}
