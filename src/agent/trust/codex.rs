//! Codex's `config.toml`: `[projects."/folder"] trust_level = "trusted"`.

use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::Why;

/// The text with the folder trusted; none if it says anything of the folder's trust already.
pub(super) fn trust(text: &str, cwd: &str) -> Result<Option<String>, Why> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| Why::Text(error.to_string().trim_end().to_owned()))?;
    if document.contains_key("projects") {
        return Ok(enter(&mut document, cwd)?.then(|| document.to_string()));
    }
    // At the end, behind the last comment, is no place for a table of the document.
    let mut new = DocumentMut::new();
    enter(&mut new, cwd)?;
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    Ok(Some(format!("{text}{gap}{new}")))
}

/// Enters the folder; says whether that changed anything.
fn enter(document: &mut DocumentMut, cwd: &str) -> Result<bool, Why> {
    let projects = table(document.as_table_mut(), "projects")?;
    let project = table(projects, cwd)?;
    if project.contains_key("trust_level") {
        return Ok(false);
    }
    project.insert("trust_level", value("trusted"));
    Ok(true)
}

/// A table in a table, of whichever form; a new one has a header only if it needs one.
fn table<'a>(parent: &'a mut dyn TableLike, key: &str) -> Result<&'a mut dyn TableLike, Why> {
    let mut new = Table::new();
    new.set_implicit(true);
    parent
        .entry(key)
        .or_insert(Item::Table(new))
        .as_table_like_mut()
        .ok_or_else(|| Why::Text(format!("{key:?} is no table")))
}
