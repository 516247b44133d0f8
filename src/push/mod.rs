//! Web Push: devices are told that an agent needs a person, or that a turn has ended, while nobody looks.
//!
//! A message is encrypted for its device alone; the push service sees who sends it, for which device, and how urgent it is.

mod devices;
mod encrypt;
mod gaze;
mod message;
mod news;
mod service;
mod vapid;

use std::{io, path::Path, sync::Arc, time::Duration};

use hyper::StatusCode;
use llmux_protocol::api::{Event, PushRequest, PushView};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

pub(crate) use self::gaze::{Gaze, Look};
use self::{
    devices::{Device, Devices},
    message::Message,
    service::Address,
    vapid::Signer,
};
use crate::{
    bus::Bus,
    config::{News, Notifications},
};

/// How long it is waited before each further try.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15)];

/// Whether the bearer of a token, by its id, may watch a session.
pub(crate) type MayWatch = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;
/// Whether a token, by its id, will never be good again.
pub(crate) type IsOver = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Tells devices. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Push(Arc<Inner>);

struct Inner {
    signer: Signer,
    devices: Devices,
    gaze: Gaze,
    may_watch: MayWatch,
    is_over: IsOver,
    policy: watch::Sender<Arc<Notifications>>,
}

/// Why a device can't be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    #[error("notifications.push of the configuration is off")]
    Off,
    #[error("that is no address of a push service that is used here")]
    Service,
    #[error("the keys of the subscription are none")]
    Keys,
    #[error("too many of your devices have subscribed")]
    Full,
    #[error("cannot write down the device: {0}")]
    File(#[source] io::Error),
}

impl Push {
    /// Reads the devices and this daemon's key, and begins to tell. Blocks on the disk.
    ///
    /// # Errors
    /// The key or the devices can't be read or written.
    pub(crate) fn start(
        state_dir: &Path,
        policy: Notifications,
        (may_watch, is_over): (MayWatch, IsOver),
        events: &Bus<Event>,
    ) -> io::Result<Self> {
        let devices = Devices::open(state_dir.join("push.json")).map_err(io::Error::other)?;
        let (signer, is_new) = Signer::open(&state_dir.join("push.key"))?;
        if is_new && !devices.all().is_empty() {
            // They heed the former key alone, and are to subscribe again.
            devices.forget(|_| true).map_err(io::Error::other)?;
        }
        let push = Self(Arc::new(Inner {
            signer,
            devices,
            gaze: Gaze::default(),
            may_watch,
            is_over,
            policy: watch::Sender::new(Arc::new(policy)),
        }));
        tokio::spawn(news::follow(push.clone(), events.read(None)));
        Ok(push)
    }

    /// Goes by another configuration from now on.
    pub(crate) fn adopt(&self, policy: Notifications) {
        self.0.policy.send_replace(Arc::new(policy));
    }

    /// Who looks where.
    pub(crate) fn gaze(&self) -> &Gaze {
        &self.0.gaze
    }

    /// What the device that has signed in with a token can know.
    pub(crate) fn view(&self, token_id: Option<&str>) -> PushView {
        PushView {
            enabled: self.policy().push,
            public_key: self.0.signer.public(),
            subscribed: token_id.and_then(|id| self.0.devices.wish(id)),
        }
    }

    /// Tells a device from now on.
    pub(crate) async fn subscribe(
        &self,
        username: &str,
        token_id: &str,
        request: PushRequest,
    ) -> Result<(), PushError> {
        let policy = self.policy();
        if !policy.push {
            return Err(PushError::Off);
        }
        if Address::read(request.endpoint.expose(), &policy.services).is_none() {
            return Err(PushError::Service);
        }
        let device = Device::new(username, token_id, request);
        device.recipient().ok_or(PushError::Keys)?;
        let push = self.clone();
        let kept = spawn_blocking(move || push.0.devices.keep(device, |token| (push.0.is_over)(token))).await;
        match kept.map_err(|error| PushError::File(error.into()))? {
            Ok(true) => Ok(()),
            Ok(false) => Err(PushError::Full),
            Err(error) => Err(PushError::File(io::Error::other(error))),
        }
    }

    /// Tells a device nothing any more.
    pub(crate) async fn unsubscribe(&self, token_id: &str) -> Result<(), PushError> {
        let token_id = token_id.to_owned();
        let forgotten = self.forget(move |device| device.token_id == token_id);
        forgotten.await.map_err(PushError::File)
    }

    async fn forget(&self, is: impl Fn(&Device) -> bool + Send + 'static) -> io::Result<()> {
        let push = self.clone();
        let forgotten = spawn_blocking(move || push.0.devices.forget(is)).await;
        forgotten.map_err(io::Error::from)?.map_err(io::Error::other)
    }

    fn policy(&self) -> Arc<Notifications> {
        self.0.policy.borrow().clone()
    }

    /// Tells all who want to know, may, and do not see it themselves.
    fn tell(&self, message: &Message) {
        let policy = self.policy();
        if !policy.push || !policy.about.contains(&message.news()) {
            return;
        }
        let message = Arc::new(if policy.details {
            message.clone()
        } else {
            message.clone().without_details()
        });
        for device in self.0.devices.all() {
            if self.concerns(&device, &message) {
                let (push, message) = (self.clone(), message.clone());
                tokio::spawn(async move { push.send(&device, &message).await });
            }
        }
    }

    fn concerns(&self, device: &Device, message: &Message) -> bool {
        let wants = match message.news() {
            News::Blocked => device.wish.blocked,
            News::Ended => device.wish.ended,
        };
        wants
            && !self.0.gaze.is_on(&device.username, &message.session)
            && (self.0.may_watch)(&device.token_id, &message.session)
    }

    async fn send(&self, device: &Device, message: &Message) {
        let mut waits = AGAIN_AFTER.iter();
        loop {
            let why = match self.try_send(device, message).await {
                Ok(status) if status.is_success() => return,
                Ok(StatusCode::NOT_FOUND | StatusCode::GONE) => {
                    let endpoint = device.endpoint.clone();
                    let is_it = move |other: &Device| other.endpoint.expose() == endpoint.expose();
                    if let Err(error) = self.forget(is_it).await {
                        tracing::warn!(%error, "a device that has unsubscribed can't be forgotten");
                    }
                    return;
                }
                Ok(status) => {
                    let why = format!("its service answers {status}");
                    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                        return not_told(device, &why);
                    }
                    why
                }
                Err(error) => error.to_string(),
            };
            match waits.next() {
                Some(wait) => sleep(*wait).await,
                None => return not_told(device, &why),
            }
        }
    }

    async fn try_send(&self, device: &Device, message: &Message) -> io::Result<StatusCode> {
        let policy = self.policy();
        let unfit = || io::Error::other("its push service is not used here any more");
        let address = Address::read(device.endpoint.expose(), &policy.services).ok_or_else(unfit)?;
        let sealed = device.recipient().and_then(|to| {
            let text = serde_json::to_vec(message).ok()?;
            to.encrypt(&text).ok()
        });
        let sealed = sealed.ok_or_else(|| io::Error::other("the message can't be encrypted for it"))?;
        let word = self.0.signer.word(&address.origin(), policy.contact.as_deref())?;
        let head = [
            ("authorization", word),
            ("content-encoding", "aes128gcm".to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("ttl", message::KEPT.as_secs().to_string()),
            ("urgency", message.urgency().to_owned()),
            ("topic", message.topic()),
        ];
        address.post(&head, sealed).await
    }
}

fn not_told(device: &Device, why: &str) {
    tracing::warn!(user = device.username, why, "a device could not be told");
}
