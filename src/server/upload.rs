//! `/api/sessions/{name}/upload`: a file into a session's directory, for its agent to read.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use axum::{
    Json as Reply,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use llmux_protocol::api::{ApiError, ErrorCode, UploadRequest, Uploaded};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Dir, Mode, OFlags, mkdirat, openat, statat, unlinkat},
    io::Errno,
};
use tokio::task::spawn_blocking;

use super::{
    Shared,
    body::{FILE, Json},
    error::Failure,
    extract,
};
use crate::session::SessionError;

/// Where uploads are, below a session's directory.
const FOLDER: &str = ".llmux-uploads";
/// How many bytes there may be in one such folder.
const MOST_BYTES: u64 = 512 << 20;
/// The longest name of a file.
const NAME_CHARS: usize = 120;
/// How many files may have one name, told apart by a number.
const SAME_NAME: u32 = 1000;

pub(super) async fn upload(
    State(shared): State<Shared>,
    extract::Path(name): extract::Path<String>,
    Json(request): Json<UploadRequest, FILE>,
) -> Result<Reply<Uploaded>, Failure> {
    let cwd = PathBuf::from(shared.sessions.get(&name).await?.cwd);
    let bytes = STANDARD
        .decode(request.data_base64.as_bytes())
        .map_err(|error| bad(format!("dataBase64 is not base64: {error}")))?;
    let stored = spawn_blocking(move || store(&cwd, &safe(&request.filename), &bytes)).await;
    match stored {
        Ok(Ok(path)) => Ok(Reply(Uploaded {
            ok: true,
            path: path.to_string_lossy().into_owned(),
        })),
        Ok(Err(Refusal::Full)) => Err(Failure(
            ApiError::new(
                ErrorCode::BodyTooLarge,
                format!(
                    "the uploads of this directory would be over {} MiB",
                    MOST_BYTES >> 20
                ),
            )
            .hint(format!("remove what is no longer needed from {FOLDER}")),
        )),
        Ok(Err(Refusal::Io(error))) => Err(bad(format!("cannot write the file: {error}"))),
        Err(_) => Err(SessionError::ShuttingDown.into()),
    }
}

/// Gives an uploaded picture again. A browser shows it, and runs nothing of it.
pub(super) async fn picture(
    State(shared): State<Shared>,
    extract::Path((name, file)): extract::Path<(String, String)>,
) -> Result<Response, Failure> {
    let cwd = PathBuf::from(shared.sessions.get(&name).await?.cwd);
    let missing = || Failure(ApiError::new(ErrorCode::NotFound, "no such picture"));
    let kind = picture_kind(&file).ok_or_else(missing)?;
    let read = spawn_blocking(move || read(&cwd, &file)).await;
    let bytes = read.ok().and_then(Result::ok).ok_or_else(missing)?;
    Ok(([(CONTENT_TYPE, kind)], bytes).into_response())
}

/// What it is, if browsers show such files as pictures and find no script in them.
fn picture_kind(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// Reads an uploaded file. No link is followed below the session's directory.
fn read(cwd: &Path, name: &str) -> Result<Vec<u8>, Refusal> {
    if name.contains('/') {
        return Err(Errno::NOENT.into());
    }
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let cwd = openat(CWD, cwd, flags, Mode::empty())?;
    let folder = openat(&cwd, FOLDER, flags | OFlags::NOFOLLOW, Mode::empty())?;
    // Nothing that would have to be waited for, such as a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::File::from(openat(&folder, name, flags, Mode::empty())?);
    if !file.metadata().map_err(Refusal::Io)?.is_file() {
        return Err(Errno::NOENT.into());
    }
    let mut bytes = Vec::new();
    file.take(FILE as u64)
        .read_to_end(&mut bytes)
        .map_err(Refusal::Io)?;
    Ok(bytes)
}

fn bad(text: String) -> Failure {
    Failure(ApiError::new(ErrorCode::BadRequest, text))
}

/// A file's name without what could lead out of its folder.
fn safe(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or_default();
    let mut safe = String::new();
    for c in base.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') => safe.push(c),
            _ if safe.ends_with('_') => {}
            _ => safe.push('_'),
        }
    }
    safe.truncate(NAME_CHARS);
    if safe.trim_matches('.').is_empty() {
        "upload".to_owned()
    } else {
        safe
    }
}

#[derive(Debug)]
enum Refusal {
    Full,
    Io(io::Error),
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Writes a new file. No link is followed below the session's directory, and nothing that is there is overwritten.
fn store(cwd: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Refusal> {
    let folder = folder(cwd)?;
    if used(&folder)? + bytes.len() as u64 > MOST_BYTES {
        return Err(Refusal::Full);
    }
    let (file, name) = create(&folder, name)?;
    if let Err(error) = std::fs::File::from(file).write_all(bytes) {
        let _ = unlinkat(&folder, &name, AtFlags::empty());
        return Err(Refusal::Io(error));
    }
    Ok(cwd.join(FOLDER).join(name))
}

fn folder(cwd: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let cwd = openat(CWD, cwd, flags, Mode::empty())?;
    match mkdirat(&cwd, FOLDER, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    openat(&cwd, FOLDER, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// How many bytes a folder holds.
fn used(folder: &OwnedFd) -> Result<u64, Errno> {
    let mut bytes = 0;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        // What is removed meanwhile takes no room.
        if let Ok(found) = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            bytes += u64::try_from(found.st_size).unwrap_or(0);
        }
    }
    Ok(bytes)
}

/// Makes a file that was not there: under its name, else with a number before the ending.
fn create(folder: &OwnedFd, name: &str) -> Result<(OwnedFd, String), Errno> {
    let (stem, ending) = match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for number in 0..SAME_NAME {
        let name = match number {
            0 => name.to_owned(),
            number => format!("{stem}-{number}{ending}"),
        };
        match openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((file, name)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EXIST)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for (given, kept) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("a b\u{e9}\\c.txt", "a_b_c.txt"),
            ("..", "upload"),
            (".", "upload"),
            ("", "upload"),
            ("dir/", "upload"),
            (".env", ".env"),
        ] {
            assert_eq!(safe(given), kept, "{given:?}");
        }
        assert_eq!(safe(&"x".repeat(500)).len(), NAME_CHARS);
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let first = store(dir.path(), "a.txt", b"1").unwrap();
        let second = store(dir.path(), "a.txt", b"2").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"1");
        assert_eq!(fs::read(&second).unwrap(), b"2");
        assert!(second.ends_with(".llmux-uploads/a-1.txt"));
    }

    #[test]
    fn only_files_of_the_folder_are_read() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), "a.png", b"picture").unwrap();
        assert_eq!(read(dir.path(), "a.png").unwrap(), b"picture");
        fs::write(dir.path().join("secret"), "s").unwrap();
        symlink(dir.path().join("secret"), dir.path().join(FOLDER).join("b.png")).unwrap();
        for name in ["b.png", "../secret", "..", ".", "none.png"] {
            assert!(read(dir.path(), name).is_err(), "{name}");
        }
        assert_eq!(picture_kind("x.PNG"), Some("image/png"));
        assert_eq!(picture_kind("x.svg"), None);
    }

    #[test]
    fn no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FOLDER)).unwrap();
        symlink(elsewhere.path().join("target"), dir.path().join(FOLDER).join("a")).unwrap();
        let path = store(dir.path(), "a", b"x").unwrap();
        assert!(path.ends_with("a-1") && !elsewhere.path().join("target").exists());
        fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
        symlink(elsewhere.path(), dir.path().join(FOLDER)).unwrap();
        assert!(matches!(store(dir.path(), "b", b"x"), Err(Refusal::Io(_))));
        assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none());
    }
}
