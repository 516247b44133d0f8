//! The signals the wrapper listens to, as one stream of facts.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

/// Something the kernel or somebody else told this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// A child ended or stopped.
    Child,
    /// To be passed on to the program.
    Pass(Signal),
}

pub(super) struct Signals {
    child: Listener,
    passed: [(Listener, Signal); 4],
}

impl Signals {
    /// Starts listening. Must run before the program is started, or its end may go unheard.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            passed: [
                (signal(SignalKind::hangup())?, Signal::HUP),
                (signal(SignalKind::terminate())?, Signal::TERM),
                (signal(SignalKind::interrupt())?, Signal::INT),
                (signal(SignalKind::quit())?, Signal::QUIT),
            ],
        })
    }

    /// Waits for the next notice. Cancel safe: a notice is consumed only when it is returned.
    pub(super) async fn next(&mut self) -> Notice {
        poll_fn(|context| {
            for (listener, signal) in &mut self.passed {
                if listener.poll_recv(context).is_ready() {
                    return Poll::Ready(Notice::Pass(*signal));
                }
            }
            self.child.poll_recv(context).map(|_| Notice::Child)
        })
        .await
    }
}
