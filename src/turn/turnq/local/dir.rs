use std::{
    fs::{self, DirBuilder, Metadata},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use rustix::fs::Access;

use super::super::TurnqError;

/// Makes the directory if need be, and refuses one in which turns could not be made or could be taken away.
///
/// It is in a place where everybody can make files, so somebody else may have made it first.
pub(super) fn open(dir: &Path) -> Result<(), TurnqError> {
    let fail = |why: String| TurnqError::Dir {
        dir: dir.to_owned(),
        why,
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    let found = fs::symlink_metadata(dir).map_err(|error| fail(made.err().unwrap_or(error).to_string()))?;
    if let Some(why) = unsafe_because(&found, rustix::process::geteuid().as_raw()) {
        return Err(fail(why.to_owned()));
    }
    rustix::fs::access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| fail(format!("it is not writable: {error}")))
}

fn unsafe_because(found: &Metadata, uid: u32) -> Option<&'static str> {
    const STICKY: u32 = 0o1000;
    const WORLD_WRITABLE: u32 = 0o002;
    if found.is_symlink() {
        Some("it is a symbolic link")
    } else if !found.is_dir() {
        Some("it is no directory")
    } else if found.uid() != uid && found.uid() != 0 {
        Some("it belongs to another user")
    } else if found.mode() & WORLD_WRITABLE != 0 && found.mode() & STICKY == 0 {
        Some("everybody can remove the files in it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(dir: &Path, mode: u32) {
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_directory_is_private() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("new/turnq-locks");
        open(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        open(&dir).unwrap();
    }

    #[test]
    fn the_old_programs_directory_is_used_as_it_is() {
        let temp = tempfile::tempdir().unwrap();
        for mode in [0o755, 0o775, 0o1777] {
            set_mode(temp.path(), mode);
            open(temp.path()).unwrap();
        }
    }

    #[test]
    fn what_is_not_safe_is_refused_and_says_why() {
        let temp = tempfile::tempdir().unwrap();
        let (link, file) = (temp.path().join("link"), temp.path().join("file"));
        symlink(temp.path(), &link).unwrap();
        fs::write(&file, "").unwrap();
        let why = |path: &Path| open(path).unwrap_err().to_string();
        assert!(why(&link).ends_with("it is a symbolic link"), "{}", why(&link));
        assert!(why(&file).ends_with("it is no directory"), "{}", why(&file));
        set_mode(temp.path(), 0o777);
        assert!(why(temp.path()).ends_with("everybody can remove the files in it"));
        set_mode(temp.path(), 0o700);
        let found = fs::metadata(temp.path()).unwrap();
        // Root's is trusted.
        assert_eq!(
            unsafe_because(&found, found.uid() + 1).is_some(),
            found.uid() != 0
        );
    }

    #[test]
    fn what_is_not_writable_is_an_error_and_no_endless_loop() {
        let temp = tempfile::tempdir().unwrap();
        set_mode(temp.path(), 0o500);
        let opened = open(temp.path());
        // Root may write anywhere.
        if !rustix::process::geteuid().is_root() {
            let error = opened.unwrap_err();
            assert!(error.to_string().contains("it is not writable"), "{error}");
            assert!(error.is_unreachable());
        }
    }
}
