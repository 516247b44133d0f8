//! From commands to the bytes of a line. Every value, ours or a user's, goes through [`Words::value`].

use std::fmt::Display;

use bytes::Bytes;

use super::command::{CapturePart, Command, DisplayTarget};
use crate::SessionId;

/// What [`Command::NewSession`] answers.
const NEW_SESSION_IDS: &str = "#{session_id} #{window_id} #{pane_id} #{pane_pid}";

/// Writes commands as one line.
pub(super) fn line(commands: &[Command]) -> Bytes {
    let mut words = Words(Vec::with_capacity(64 * commands.len()));
    for (at, command) in commands.iter().enumerate() {
        if at > 0 {
            words.0.extend_from_slice(b" ; ");
        }
        words.0.extend_from_slice(command.name().as_bytes());
        command.write(&mut words);
    }
    words.0.push(b'\n');
    words.0.into()
}

/// The words of a line.
struct Words(Vec<u8>);

impl Words {
    /// Adds flags, as they are.
    fn flags(&mut self, flags: &'static str) -> &mut Self {
        self.0.push(b' ');
        self.0.extend_from_slice(flags.as_bytes());
        self
    }

    /// Adds a flag if it is on.
    fn switch(&mut self, on: bool, flag: &'static str) -> &mut Self {
        if on { self.flags(flag) } else { self }
    }

    /// Adds one word that is exactly `value`, whatever is in it, except for NUL bytes, which tmux can't take.
    ///
    /// In double quotes tmux's lexer gives a meaning to `"`, `\`, `$` and `~` only. Bytes below 0x20 would end the
    /// line or look like blanks, 0xff is its end of file; the rest is escaped out of caution.
    fn value(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(b" \"");
        for &byte in value.as_ref() {
            match byte {
                0 => {}
                b'"' | b'\\' | b'$' | b'~' | b'`' | b'#' | b';' | b'{' | b'}' | ..0x20 | 0x7f | 0xff => {
                    let digit = |shift: u8| b'0' + (byte >> shift & 7);
                    self.0.extend_from_slice(&[b'\\', digit(6), digit(3), digit(0)]);
                }
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
        self
    }

    /// Adds one word that is exactly what `value` prints.
    fn shown(&mut self, value: impl Display) -> &mut Self {
        self.value(value.to_string())
    }

    /// Adds a target.
    fn at(&mut self, target: impl Display) -> &mut Self {
        self.flags("-t").shown(target)
    }

    /// Adds a session as a target; the colon keeps tmux from taking it for a window or a pane.
    fn at_session(&mut self, session: SessionId) -> &mut Self {
        self.at(format_args!("{session}:"))
    }
}

impl Command {
    /// The tmux command's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NewSession { .. } => "new-session",
            Self::TagPane { .. }
            | Self::KeepSessionUnattached { .. }
            | Self::DetachOnDestroy { .. }
            | Self::HideStatus { .. }
            | Self::UnpinWindowSize { .. } => "set-option",
            Self::LinkWindow { .. } => "link-window",
            Self::UnlinkWindow { .. } => "unlink-window",
            Self::ResizeWindow { .. } => "resize-window",
            Self::SetBuffer { .. } => "set-buffer",
            Self::LoadBuffer { .. } => "load-buffer",
            Self::DeleteBuffer { .. } => "delete-buffer",
            Self::PasteBuffer { .. } => "paste-buffer",
            Self::LeaveMode { .. } => "copy-mode",
            Self::SendNul { .. } => "send-keys",
            Self::Capture { .. } => "capture-pane",
            Self::Display { .. } => "display-message",
            Self::ListPanes { .. } => "list-panes",
            Self::RenameSession { .. } => "rename-session",
            Self::SetEnvironment { .. } => "set-environment",
            Self::ShowEnvironment { .. } => "show-environment",
            Self::KillPane(_) => "kill-pane",
            Self::KillWindow(_) => "kill-window",
            Self::KillSession(_) => "kill-session",
            Self::PausePane(_) | Self::ContinuePane(_) | Self::PauseAfter { .. } => "refresh-client",
            Self::DetachClient { .. } => "detach-client",
            Self::ShowServerOption { .. } => "show-options",
        }
    }

    /// Writes the words after the name.
    fn write(&self, w: &mut Words) {
        match self {
            Self::NewSession {
                name,
                size,
                cwd,
                env,
                argv,
            } => {
                w.flags("-d -P -F").value(NEW_SESSION_IDS).flags("-s").shown(name);
                w.flags("-x").shown(size.cols).flags("-y").shown(size.rows);
                write_program(cwd.as_deref(), env, argv, w)
            }
            Self::TagPane { pane, tag } => w.flags("-p").at(pane).flags("-- @llmux").value(tag),
            Self::KeepSessionUnattached { session } => w.at(session).flags("destroy-unattached off"),
            Self::DetachOnDestroy { session } => w.at_session(*session).flags("detach-on-destroy on"),
            Self::HideStatus { session } => w.at_session(*session).flags("status off"),
            Self::LinkWindow { from, hub } => w.flags("-d -s").shown(from).at_session(*hub),
            Self::UnlinkWindow { window, hub } => w.at(format_args!("{hub}:{window}")),
            Self::ResizeWindow { window, size } => w
                .at(window)
                .flags("-x")
                .shown(size.cols)
                .flags("-y")
                .shown(size.rows),
            Self::UnpinWindowSize { window } => w.flags("-w -u").at(window).flags("window-size"),
            Self::SetBuffer { buffer, data } => w.flags("-b").shown(buffer).flags("--").value(data),
            Self::LoadBuffer { buffer, path } => {
                w.flags("-b").shown(buffer).flags("--").value(plain_path(path))
            }
            Self::DeleteBuffer { buffer } => w.flags("-b").shown(buffer),
            Self::PasteBuffer {
                buffer,
                pane,
                bracketed,
                verbatim,
            } => {
                w.flags("-d -r").switch(*bracketed, "-p").switch(*verbatim, "-S");
                w.flags("-b").shown(buffer).at(pane)
            }
            Self::LeaveMode { pane } => w.flags("-q").at(pane),
            Self::SendNul { pane } => w.at(pane).flags("-H 00"),
            Self::Capture { pane, part } => write_part(*part, w).at(pane),
            Self::Display { target, format } => {
                match target {
                    DisplayTarget::Pane(pane) => w.flags("-p").at(pane),
                    DisplayTarget::Session(session) => w.flags("-p").at_session(*session),
                    DisplayTarget::None => w.flags("-p"),
                };
                w.flags("--").value(format.0)
            }
            Self::ListPanes { format } => w.flags("-a -F").value(format.0),
            Self::RenameSession { session, name } => w.at_session(*session).flags("--").shown(name),
            Self::SetEnvironment { session, name, value } => {
                w.at_session(*session).flags("--").value(name).value(value)
            }
            Self::ShowEnvironment { session, name } => w.at_session(*session).flags("--").value(name),
            Self::KillPane(pane) => w.at(pane),
            Self::KillWindow(window) => w.at(window),
            Self::KillSession(session) => w.at_session(*session),
            Self::PausePane(pane) => w.flags("-A").shown(format_args!("{pane}:pause")),
            Self::ContinuePane(pane) => w.flags("-A").shown(format_args!("{pane}:continue")),
            Self::PauseAfter { secs } => w.flags("-f").shown(format_args!("pause-after={secs}")),
            Self::DetachClient { client } => w.at(client),
            Self::ShowServerOption { name } => w.flags("-s -q -v --").value(name),
        };
    }
}

/// Writes where, with which variables and what a new session runs.
fn write_program<'w>(
    cwd: Option<&str>,
    env: &[(String, String)],
    argv: &[String],
    w: &'w mut Words,
) -> &'w mut Words {
    if let Some(cwd) = cwd.filter(|cwd| !cwd.contains(['#', '\0'])) {
        w.flags("-c").value(cwd);
    }
    for (name, value) in env {
        w.flags("-e").shown(format_args!("{name}={value}"));
    }
    w.flags("--");
    for _ in argv.len()..2 {
        w.value("env");
    }
    for word in argv {
        w.value(word);
    }
    w
}

fn write_part(part: CapturePart, w: &mut Words) -> &mut Words {
    match part {
        CapturePart::Visible => w.flags("-p -e -N"),
        CapturePart::History { lines } => w.flags("-p -e -J -E -1 -S").shown(format_args!("-{lines}")),
        CapturePart::Saved => w.flags("-p -e -N -a -q"),
        CapturePart::Pending => w.flags("-p -P -C"),
    }
}

/// Keeps tmux from reading a format in a path, and `-` as its standard input, which is ours.
fn plain_path(path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { "./" };
    format!("{start}{}", path.replace('#', "##"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PaneId, WindowId,
        control::{BufferName, CommandLine, Format, PaneTarget, SessionTarget, Size, WindowTarget},
    };

    fn encoded(line: impl Into<CommandLine>) -> String {
        String::from_utf8(line.into().encode().to_vec()).unwrap()
    }

    fn new_session(cwd: Option<&str>, argv: &[&str]) -> Command {
        Command::NewSession {
            name: "planner".parse().unwrap(),
            size: Size { cols: 100, rows: 30 },
            cwd: cwd.map(str::to_owned),
            env: vec![("KEY".into(), "a=b c".into())],
            argv: argv.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn commands_of_a_line_are_joined_and_end_with_one_line_feed() {
        let line = CommandLine::new(Command::LeaveMode { pane: PaneId(5) })
            .then(Command::SendNul { pane: PaneId(5) });
        assert_eq!(line.replies(), 2);
        assert_eq!(
            encoded(line),
            "copy-mode -q -t \"%5\" ; send-keys -t \"%5\" -H 00\n"
        );
    }

    #[test]
    fn a_value_is_one_word_whatever_is_in_it() {
        let set = |data: &[u8]| Command::SetBuffer {
            buffer: BufferName(3),
            data: data.to_vec(),
        };
        let nasty = b"a\" ; kill-server\n$HOME ~ \\ `#{x}` \x7f\xff".as_slice();
        let line = CommandLine::from(set(nasty)).encode();
        assert_eq!(
            line,
            &br#"set-buffer -b "llmux-3" -- "a\042 \073 kill-server\012\044HOME \176 \134 \140\043\173x\175\140 \177\377"
"#[..]
        );
    }

    #[test]
    fn a_nul_is_left_out() {
        assert_eq!(
            encoded(Command::SetBuffer {
                buffer: BufferName(1),
                data: b"a\0b".to_vec()
            }),
            "set-buffer -b \"llmux-1\" -- \"ab\"\n"
        );
    }

    #[test]
    fn a_session_starts_its_program_without_a_shell() {
        assert!(encoded(new_session(None, &["cat", "-"])).ends_with(" -e \"KEY=a=b c\" -- \"cat\" \"-\"\n"));
        assert!(encoded(new_session(None, &["cat -"])).ends_with(" -- \"env\" \"cat -\"\n"));
        assert!(encoded(new_session(None, &[])).ends_with(" -- \"env\" \"env\"\n"));
    }

    #[test]
    fn a_directory_that_reads_as_a_format_is_left_out() {
        assert!(encoded(new_session(Some("/a b"), &[])).contains(" -c \"/a b\" "));
        for cwd in ["/a/#(date)", "/a\0"] {
            assert!(!encoded(new_session(Some(cwd), &[])).contains(" -c "));
        }
    }

    #[test]
    fn a_path_is_neither_a_format_nor_a_flag_nor_standard_input() {
        let load = |path: &str| {
            encoded(Command::LoadBuffer {
                buffer: BufferName(1),
                path: path.into(),
            })
        };
        assert_eq!(
            load("/a/#(b)"),
            "load-buffer -b \"llmux-1\" -- \"/a/\\043\\043(b)\"\n"
        );
        assert_eq!(load("-"), "load-buffer -b \"llmux-1\" -- \"./-\"\n");
    }

    #[test]
    fn targets_are_exact() {
        let hub = SessionId(1);
        assert_eq!(
            encoded(Command::LinkWindow {
                from: WindowTarget::Of("a1".parse().unwrap()),
                hub
            }),
            "link-window -d -s \"=a1:\" -t \"\\0441:\"\n"
        );
        assert_eq!(
            encoded(Command::UnlinkWindow {
                window: WindowId(4),
                hub
            }),
            "unlink-window -t \"\\0441:@4\"\n"
        );
        assert_eq!(
            encoded(Command::TagPane {
                pane: PaneTarget::Id(PaneId(2)),
                tag: "-x".into()
            }),
            "set-option -p -t \"%2\" -- @llmux \"-x\"\n"
        );
        assert_eq!(
            encoded(Command::KeepSessionUnattached {
                session: SessionTarget::Id(hub)
            }),
            "set-option -t \"\\0441:\" destroy-unattached off\n"
        );
    }

    #[test]
    fn flags_follow_the_switches() {
        let paste = |bracketed, verbatim| {
            encoded(Command::PasteBuffer {
                buffer: BufferName(1),
                pane: PaneId(2),
                bracketed,
                verbatim,
            })
        };
        assert_eq!(
            paste(false, false),
            "paste-buffer -d -r -b \"llmux-1\" -t \"%2\"\n"
        );
        assert_eq!(
            paste(true, true),
            "paste-buffer -d -r -p -S -b \"llmux-1\" -t \"%2\"\n"
        );
    }

    #[test]
    fn logs_show_no_values() {
        let line = CommandLine::from(Command::SetBuffer {
            buffer: BufferName(1),
            data: b"secret".to_vec(),
        })
        .then(Command::ListPanes {
            format: Format::new("#{pane_id}"),
        });
        assert_eq!(format!("{line:?}"), "[set-buffer, list-panes]");
    }
}
