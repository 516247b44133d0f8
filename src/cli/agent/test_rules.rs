use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::catalog;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::Out,
        table::{plain, table},
    },
    turn::{Change, Recording, replay},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux agent test-rules --agent claude session.raw\n\nFILE.json beside it has the terminal's size and the time of each chunk:\n  {\"cols\": 120, \"rows\": 40, \"chunks_time_offset\": [[0.0, 0], [0.25, 1024]]}"
)]
pub(crate) struct TestRules {
    /// The key of the agent whose rules are tried
    #[arg(long, value_name = "AGENT")]
    agent: String,
    /// What the terminal got, byte by byte
    #[arg(value_name = "FILE.raw")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TestRules, context: &Context) -> Result<(), Failure> {
    let catalog = catalog::load(context)?;
    catalog.warnings().iter().for_each(|warning| say(&plain(warning)));
    let agent = catalog
        .find(&args.agent)
        .ok_or_else(|| catalog::unknown(&args.agent, catalog.all().map(|agent| agent.key.as_str())))?;
    let changes = changes(&agent.rules, &context.env.resolve(&args.file))?;
    let mut out = Out::new();
    if args.json {
        out.json(&changes)?;
    } else {
        out.text(&table(
            ["SECONDS", "STATE", "KIND", "EVIDENCE"],
            changes.iter().map(row),
        ))?;
    }
    out.finish()
}

fn changes(rules: &crate::agent::Rules, file: &Path) -> Result<Vec<Change>, Failure> {
    let sidecar = file.with_extension("json");
    if sidecar == file {
        return Err(
            Failure::failed(format!("{} is a sidecar", file.display())).hint(format!(
                "name the recording: {}",
                file.with_extension("raw").display()
            )),
        );
    }
    let text = read(&sidecar)?;
    let raw = read(file)?;
    let bad = |why: String| Failure::failed(format!("{} does not fit: {why}", sidecar.display()));
    let recording: Recording = serde_json::from_slice(&text).map_err(|error| {
        bad(error.to_string()).hint(
            r#"it looks like {"cols": 120, "rows": 40, "chunks_time_offset": [[0.0, 0], [0.25, 1024]]}"#,
        )
    })?;
    replay(rules, &recording, &raw).map_err(|error| bad(error.to_string()))
}

/// Reads a file that ends: a device or a pipe may not.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = fs::metadata(path).and_then(|metadata| {
        if metadata.is_file() {
            fs::read(path)
        } else {
            Err(io::Error::other("it is no regular file"))
        }
    });
    read.map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::failed(format!("cannot read {}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "json") {
        return failure
            .hint("a recording has a sidecar with its size and times; see llmux agent test-rules --help");
    }
    failure
}

fn row(change: &Change) -> [String; 4] {
    [
        format!("{:.3}", change.t),
        change.state.as_str().to_owned(),
        change.kind.map_or("-", |kind| kind.as_str()).to_owned(),
        change.evidence.clone(),
    ]
}
