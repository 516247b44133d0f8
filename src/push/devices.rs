//! The devices that have subscribed: `push.json` in the state directory, which is this daemon's alone.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use llmux_protocol::api::{PushRequest, PushWish, Secret};
use serde::{Deserialize, Serialize};

use super::encrypt::Recipient;
use crate::store::{FileError, file};

/// The most devices of one user.
const MOST: usize = 50;

/// A device: a browser that has signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    /// The user.
    pub(super) username: String,
    /// The token it has signed in with, by its id: where that is revoked, nothing is told any more.
    pub(super) token_id: String,
    pub(super) endpoint: Secret,
    p256dh: String,
    auth: Secret,
    #[serde(flatten)]
    pub(super) wish: PushWish,
}

impl Device {
    pub(super) fn new(username: &str, token_id: &str, request: PushRequest) -> Self {
        Self {
            username: username.to_owned(),
            token_id: token_id.to_owned(),
            endpoint: request.endpoint,
            p256dh: request.keys.p256dh,
            auth: request.keys.auth,
            wish: request.wish,
        }
    }

    /// How it is written to; none if its keys are none.
    pub(super) fn recipient(&self) -> Option<Recipient> {
        Recipient::read(&decode(&self.p256dh)?, &decode(self.auth.expose())?)
    }
}

/// Browsers write base64url; some libraries the other alphabet, or padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let decoded = URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text));
    decoded.ok()
}

/// All devices.
pub(super) struct Devices {
    path: PathBuf,
    all: Mutex<Vec<Device>>,
}

impl Devices {
    /// Reads the file. One that can't be understood is set aside, and a new one begun. Blocks on the disk.
    pub(super) fn open(path: PathBuf) -> Result<Self, FileError> {
        let text = file::read(&path)?;
        let all = match text.map(|text| serde_json::from_slice(&text)).transpose() {
            Ok(all) => all.unwrap_or_default(),
            Err(error) => {
                let aside = file::set_aside(&path)?;
                // The parser's own words may quote an address, which is a secret.
                let (line, column, aside) = (error.line(), error.column(), aside.display());
                tracing::error!(line, column, %aside, "the devices that are told can't be read; they must subscribe again");
                Vec::new()
            }
        };
        Ok(Self {
            path,
            all: Mutex::new(all),
        })
    }

    pub(super) fn all(&self) -> Vec<Device> {
        self.lock().clone()
    }

    pub(super) fn wish(&self, token_id: &str) -> Option<PushWish> {
        let all = self.lock();
        all.iter()
            .find(|device| device.token_id == token_id)
            .map(|device| device.wish)
    }

    /// Keeps a device instead of what was its own before, and forgets those whose token `is_over`, by its id. Says whether
    /// its user had room. Blocks on the disk.
    pub(super) fn keep(&self, device: Device, is_over: impl Fn(&str) -> bool) -> Result<bool, FileError> {
        self.change(|all| {
            all.retain(|other| {
                other.token_id != device.token_id
                    && other.endpoint.expose() != device.endpoint.expose()
                    && !is_over(&other.token_id)
            });
            let of_same = all.iter().filter(|other| other.username == device.username);
            let fits = of_same.count() < MOST;
            if fits {
                all.push(device);
            }
            fits
        })
    }

    /// Forgets the devices of which that is true. Blocks on the disk.
    pub(super) fn forget(&self, is: impl Fn(&Device) -> bool) -> Result<(), FileError> {
        self.change(|all| all.retain(|device| !is(device)))
    }

    /// Changes what is kept, once it is written down.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Device>) -> T) -> Result<T, FileError> {
        let mut all = self.lock();
        let mut next = all.clone();
        let done = change(&mut next);
        let text = serde_json::to_vec_pretty(&next).unwrap_or_default();
        file::replace(&self.path, &text)?;
        *all = next;
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Device>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn device(username: &str, number: usize) -> Device {
        let request = json!({
            "endpoint": format!("https://push.example/{username}/{number}"),
            "keys": {"p256dh": "", "auth": ""},
            "blocked": true,
            "ended": true,
        });
        let request = serde_json::from_value(request).unwrap();
        Device::new(username, &format!("{username}-{number}"), request)
    }

    #[test]
    fn one_users_devices_leave_room_for_others_and_make_room_when_their_tokens_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.json");
        let devices = Devices::open(path.clone()).unwrap();
        let keep = |device| devices.keep(device, |_| false).unwrap();
        assert!((0..MOST).all(|number| keep(device("alice", number))));
        assert!(!keep(device("alice", MOST)), "there is no more room");
        // A device that comes again takes its own place.
        assert!(keep(device("alice", 0)) && keep(device("bob", 0)));
        let is_over = |token: &str| token.starts_with("alice");
        assert!(devices.keep(device("bob", 1), is_over).unwrap());
        let left: Vec<String> = devices.all().into_iter().map(|device| device.token_id).collect();
        assert_eq!(left, ["bob-0", "bob-1"]);
        assert_eq!(Devices::open(path).unwrap().all().len(), 2);
    }

    #[test]
    fn what_is_no_list_of_devices_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.json");
        std::fs::write(&path, "x\n").unwrap();
        let devices = Devices::open(path.clone()).unwrap();
        assert!(devices.keep(device("alice", 0), |_| false).unwrap());
        let aside = file::kept_aside(&path);
        assert_eq!(std::fs::read(&aside[0]).unwrap(), b"x\n");
        assert_eq!(Devices::open(path).unwrap().all().len(), 1);
    }
}
