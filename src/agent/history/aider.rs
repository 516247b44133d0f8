//! Aider: one Markdown file for all that was said in a directory or repository, as written by 0.86.2.

use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    Conversation, History, Part, Place, Role, Turn,
    lines::{self, Cursor},
    source::{Source, Visit},
    stamp, title,
};

const BEGIN: &str = "# aider chat started at ";
/// The longest line that is read, in bytes.
const MAX_LINE: usize = 1 << 20;
/// How much of one message is kept, in bytes.
const MAX_TEXT: usize = 8 << 20;

/// In the repository's root, or in the directory itself.
pub(super) fn file(place: &Place) -> PathBuf {
    let mut above = place.cwd.ancestors();
    let root = above.find(|dir| dir.join(".git").exists()).unwrap_or(&place.cwd);
    let stated = place.env.get("AIDER_CHAT_HISTORY_FILE");
    root.join(stated.map_or(".aider.chat.history.md", String::as_str))
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let path = file(place);
    history.remember(&path, &place.cwd, || read(&path))
}

fn read(path: &Path) -> io::Result<Vec<Conversation>> {
    let mut found: Vec<Conversation> = Vec::new();
    walk(path, &mut |started, turn| {
        if found.last().is_none_or(|one| one.id != started) {
            found.push(Conversation {
                id: started.to_owned(),
                title: None,
                started: stamp::parse(started),
                last: stamp::parse(started),
                messages: 0,
                path: path.to_owned(),
            });
        }
        if let Some(one) = found.last_mut() {
            one.messages += u64::from(turn.role != Role::System);
            if one.title.is_none() && turn.role == Role::User {
                one.title = turn.texts().find_map(title::clean);
            }
        }
        ControlFlow::Continue(())
    })?;
    found.retain(|one| one.messages > 0);
    Ok(found)
}

pub(super) fn find(history: &History, place: &Place, id: &str) -> Option<Source> {
    let one = list(history, place).into_iter().find(|one| one.id == id)?;
    Some(Source::Aider {
        path: one.path,
        id: one.id,
    })
}

/// Gives all turns of the conversation that began at a time.
pub(super) fn each(path: &Path, id: &str, visit: &mut Visit<'_>) -> io::Result<()> {
    walk(path, &mut |started, turn| {
        if started == id {
            visit(turn)
        } else {
            ControlFlow::Continue(())
        }
    })
}

type Walk<'a> = dyn FnMut(&str, Turn) -> ControlFlow<()> + 'a;

/// Goes through the file; each run of rows of one kind is a turn.
fn walk(path: &Path, visit: &mut Walk<'_>) -> io::Result<()> {
    lines::regular(path)?;
    let mut file = File::open(path)?;
    let (mut started, mut open) = (String::new(), Open::default());
    let limits = (MAX_LINE, u64::MAX);
    let more = lines::each(&mut file, &mut Cursor::default(), limits, &mut |offset, line| {
        let line = String::from_utf8_lossy(line);
        if let Some(time) = line.strip_prefix(BEGIN) {
            open.close(&started, visit)?;
            time.trim().clone_into(&mut started);
            return ControlFlow::Continue(());
        }
        let (role, text) = row(&line);
        if open.role != role && !text.trim().is_empty() {
            open.close(&started, visit)?;
            open = Open {
                role,
                offset,
                text: String::new(),
            };
        }
        open.push(text);
        ControlFlow::Continue(())
    })?;
    if !more {
        let _ = open.close(&started, visit);
    }
    Ok(())
}

/// Who wrote a row. A blank row belongs to whatever goes on.
fn row(line: &str) -> (Option<Role>, &str) {
    if let Some(text) = line.strip_prefix("#### ") {
        (Some(Role::User), text.trim_end())
    } else if let Some(text) = line.strip_prefix("> ") {
        (Some(Role::System), text.trim_end())
    } else {
        (Some(Role::Assistant), line)
    }
}

/// The turn that is being read.
#[derive(Default)]
struct Open {
    role: Option<Role>,
    offset: u64,
    text: String,
}

impl Open {
    fn push(&mut self, text: &str) {
        if self.text.len() + text.len() < MAX_TEXT {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    fn close(&mut self, started: &str, visit: &mut Walk<'_>) -> ControlFlow<()> {
        let (text, role) = (std::mem::take(&mut self.text), self.role.take());
        let text = text.trim();
        match role {
            Some(role) if !text.is_empty() && !started.is_empty() => visit(
                started,
                Turn {
                    id: format!("@{}", self.offset),
                    role,
                    at: None,
                    parts: vec![Part::text(text)],
                },
            ),
            _ => ControlFlow::Continue(()),
        }
    }
}
