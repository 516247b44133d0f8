//! `llmux man`: the manual pages, made from the same words as the help.

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::{Man as Page, generate_to};

use super::{Cli, failure::Failure, out::Out};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux man | man -l -\n  llmux man --dir ~/.local/share/man/man1; man llmux-session-prompt"
)]
pub(super) struct Man {
    /// Write one page for each command into this directory, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Man) -> Result<(), Failure> {
    let command = Cli::command();
    if let Some(dir) = &args.dir {
        let made = fs::create_dir_all(dir).and_then(|()| generate_to(command, dir));
        return made.map_err(|error| {
            Failure::failed(format!("cannot write the pages to {}: {error}", dir.display()))
                .hint("name a directory that can be written to, such as ~/.local/share/man/man1")
        });
    }
    let mut page = Vec::new();
    Page::new(command).render(&mut page).map_err(Failure::internal)?;
    let mut out = Out::new();
    out.bytes(&page)?;
    out.finish()
}
