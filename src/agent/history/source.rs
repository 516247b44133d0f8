//! Where one conversation is, and its turns in order.

use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    Store, Turn, aider, r#continue, goose,
    lines::{self, Cursor, MAX_LINE},
    opencode, record,
    shape::Shape,
};
use crate::agent::transcript::tail::Identity;

/// Takes turns, until it breaks.
pub(super) type Visit<'a> = dyn FnMut(Turn) -> ControlFlow<()> + 'a;
/// Says whether a line may matter, before it is parsed.
pub(super) type Wants<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// One conversation.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file of lines.
    Lines(Store, PathBuf),
    /// Rows of `OpenCode`'s database.
    Opencode { path: PathBuf, id: String },
    /// Rows of Goose's database.
    Goose { path: PathBuf, id: String },
    /// A document that is written anew.
    Continue(PathBuf),
    /// The part of a document that began at a time.
    Aider { path: PathBuf, id: String },
}

/// How far a conversation was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    pub(super) lines: Cursor,
    /// The last row.
    pub(super) row: i64,
    /// The last part.
    pub(super) part: String,
    document: Document,
}

/// What was told of a document.
#[derive(Debug, Clone, Default)]
struct Document {
    version: Option<(u64, Option<SystemTime>)>,
    count: usize,
    last: Option<Turn>,
}

impl Source {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Lines(_, path)
            | Self::Continue(path)
            | Self::Opencode { path, .. }
            | Self::Goose { path, .. }
            | Self::Aider { path, .. } => path,
        }
    }

    /// Gives the turns from the mark on; of a file, those of about `budget` bytes. Answers whether there may be more.
    pub(super) fn each(
        &self,
        mark: &mut Mark,
        budget: u64,
        wants: &Wants<'_>,
        visit: &mut Visit<'_>,
    ) -> io::Result<bool> {
        match self {
            Self::Lines(store, path) => of_lines(*store, path, mark, budget, wants, visit),
            Self::Opencode { path, id } => opencode::each(path, id, mark, visit),
            Self::Goose { path, id } => goose::each(path, id, mark, visit),
            Self::Continue(path) => {
                of_document(path, mark, visit, &mut |visit| r#continue::each(path, visit))
            }
            Self::Aider { path, id } => {
                of_document(path, mark, visit, &mut |visit| aider::each(path, id, visit))
            }
        }
    }

    /// Whether the file is another than the one that was read, or was cut: it begins anew.
    pub(super) fn is_replaced(&self, mark: &Mark) -> io::Result<bool> {
        let Self::Lines(_, path) = self else {
            return Ok(false);
        };
        let found = lines::regular(path)?;
        let is_same = mark.lines.file.is_none_or(|file| file == Identity::of(&found));
        Ok(!is_same || found.len() < mark.lines.offset)
    }
}

fn of_lines(
    store: Store,
    path: &Path,
    mark: &mut Mark,
    budget: u64,
    wants: &Wants<'_>,
    visit: &mut Visit<'_>,
) -> io::Result<bool> {
    let found = lines::regular(path)?;
    mark.lines.file = Some(Identity::of(&found));
    if found.len() <= mark.lines.offset {
        return Ok(false);
    }
    let shape = Shape::of(store);
    let mut file = File::open(path)?;
    lines::each(
        &mut file,
        &mut mark.lines,
        (MAX_LINE, budget),
        &mut |offset, line| {
            if !shape.turn.are_in(line) || !wants(line) {
                return ControlFlow::Continue(());
            }
            record::turns(store, line, offset)
                .into_iter()
                .try_for_each(&mut *visit)
        },
    )
}

/// Gives what is new of a document: the last turn that was told too, if it has grown.
fn of_document(
    path: &Path,
    mark: &mut Mark,
    visit: &mut Visit<'_>,
    read: &mut dyn FnMut(&mut Visit<'_>) -> io::Result<()>,
) -> io::Result<bool> {
    let found = lines::regular(path)?;
    let version = Some((found.len(), found.modified().ok()));
    if mark.document.version == version {
        return Ok(false);
    }
    let told = std::mem::take(&mut mark.document);
    let mut now = Document {
        version,
        ..Document::default()
    };
    read(&mut |turn| {
        let at = now.count;
        now.count += 1;
        now.last = Some(turn.clone());
        let is_new = at >= told.count || (at + 1 == told.count && told.last.as_ref() != Some(&turn));
        if is_new {
            visit(turn)
        } else {
            ControlFlow::Continue(())
        }
    })?;
    mark.document = now;
    Ok(false)
}
