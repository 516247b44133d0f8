//! What a pane's wrapper says about the program it runs.

use bytes::Bytes;

/// The life of a pane's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    /// The wrapper has not said yet that the program runs.
    Starting,
    /// It runs.
    Running,
    /// It ended.
    Ended(End),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct End {
    /// The exit status, or 128 + signal; `None` when the pane closed before anyone saw it.
    pub(crate) code: Option<i32>,
    /// Why it could not be started.
    pub(crate) failure: Option<String>,
}

impl Life {
    /// Reads the payload of a wrapper's message, such as `started;pid=7`, `exit;code=3`, `failed;code=127;not found`,
    /// each followed by `;key=KEY`. Without this pane's own key it is only text that a program printed.
    pub(crate) fn read(message: &Bytes, key: &str) -> Option<Self> {
        let message = String::from_utf8_lossy(message);
        let (said, signed) = message.rsplit_once(";key=")?;
        if signed != key {
            return None;
        }
        let mut words = said.split(';');
        match words.next()? {
            "started" => Some(Self::Running),
            word @ ("exit" | "failed") => {
                let code = words.next()?.strip_prefix("code=")?.parse().ok()?;
                let failure =
                    (word == "failed").then(|| words.next().unwrap_or("cannot be started").to_owned());
                Some(Self::Ended(End {
                    code: Some(code),
                    failure,
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Life> {
        Life::read(&Bytes::from(format!("{text};key=k1")), "k1")
    }

    #[test]
    fn every_message_of_the_wrapper_is_understood_and_nothing_else() {
        let ended = |code, failure: Option<&str>| {
            Some(Life::Ended(End {
                code: Some(code),
                failure: failure.map(str::to_owned),
            }))
        };
        assert_eq!(read("started;pid=7"), Some(Life::Running));
        assert_eq!(read("exit;code=0"), ended(0, None));
        assert_eq!(read("exit;code=137;signal=9"), ended(137, None));
        assert_eq!(read("failed;code=127;not found"), ended(127, Some("not found")));
        for unsigned in [
            "exit;code=0",
            "exit;code=0;key=",
            "exit;code=0;key=k2",
            "exit;code=0;key=k1;",
        ] {
            assert_eq!(Life::read(&Bytes::from_static(unsigned.as_bytes()), "k1"), None);
        }
        for text in ["", "exit", "exit;code=", "exit;code=x", "resize;1", "\u{fffd}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
