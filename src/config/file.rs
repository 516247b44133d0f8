//! Reading small text files that anybody may have put in their place.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

/// Reads a regular file of at most `most` bytes. A pipe or a device is refused, and never waited for.
///
/// # Errors
/// It can't be read, is something else, or is larger.
pub(crate) fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // To open a pipe would wait until somebody writes to it.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut content = Vec::new();
    // It may grow meanwhile.
    file.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_some_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "1234").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), 0o600.into()).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        let read = |name: &str, most| read_regular(&path(name), most).map_err(|error| error.to_string());
        assert_eq!(read("file", 4), Ok(b"1234".to_vec()));
        assert_eq!(read("file", 3), Err("it has more than 3 bytes".to_owned()));
        for name in ["pipe", "zero"] {
            assert_eq!(read(name, 4), Err("it is no regular file".to_owned()), "{name}");
        }
        assert_eq!(
            read_regular(dir.path(), 4).unwrap_err().kind(),
            io::ErrorKind::IsADirectory
        );
    }
}
