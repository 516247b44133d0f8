//! The files of a service: what systemd and launchd read. Text in, text out.

use std::{ffi::OsStr, path::Path};

/// What a service starts, and in which surroundings.
pub(super) struct Service<'a> {
    /// The program.
    pub(super) exe: &'a Path,
    /// Flags of `server start`.
    pub(super) flags: &'a [String],
    /// The Unix socket.
    pub(super) socket: &'a Path,
    /// Variables that a session of the user has and a service would lack.
    pub(super) variables: &'a [(String, String)],
    /// Where launchd puts what the daemon says.
    pub(super) log: &'a Path,
}

impl Service<'_> {
    /// `llmux.service`. Ending it ends only the daemon: the tmux server that it may have started, and with it the agents,
    /// stays.
    pub(super) fn systemd(&self) -> String {
        let words = [self.exe.to_string_lossy().as_ref(), "server", "start"].map(systemd_word);
        let flags = self.flags.iter().map(|flag| systemd_word(flag));
        let line: Vec<_> = words.into_iter().chain(flags).collect();
        let variables = self.variables.iter().map(|(name, value)| {
            let pair = quoted(&format!("{name}={value}").replace('%', "%%"));
            format!("Environment={pair}\n")
        });
        format!(
            "[Unit]\n\
             Description=llmux: AI agent CLIs in tmux sessions\n\
             Documentation=https://github.com/cordfuse/llmux\n\
             Requires=llmux.socket\n\
             After=llmux.socket\n\
             StartLimitIntervalSec=0\n\
             \n\
             [Service]\n\
             Type=notify\n\
             ExecStart={}\n\
             ExecReload=/bin/kill -HUP $MAINPID\n\
             Restart=on-failure\n\
             RestartSec=2\n\
             WatchdogSec=60\n\
             # Agents outlive the daemon.\n\
             KillMode=process\n\
             {}\
             \n\
             [Install]\n\
             Also=llmux.socket\n\
             WantedBy=default.target\n",
            line.join(" "),
            variables.collect::<String>(),
        )
    }

    /// `llmux.socket`: who connects while no daemon runs starts one, and waits for it.
    pub(super) fn systemd_socket(&self) -> String {
        format!(
            "[Unit]\n\
             Description=llmux: the socket of its daemon\n\
             \n\
             [Socket]\n\
             ListenStream={}\n\
             SocketMode=0600\n\
             DirectoryMode=0700\n\
             \n\
             [Install]\n\
             WantedBy=sockets.target\n",
            self.socket.to_string_lossy().replace('%', "%%"),
        )
    }

    /// The property list of a launchd agent.
    pub(super) fn launchd(&self, label: &str) -> String {
        let exe = self.exe.to_string_lossy();
        let words = [exe.as_ref(), "server", "start"]
            .into_iter()
            .chain(self.flags.iter().map(String::as_str));
        let words: Vec<_> = words
            .map(|word| format!("    <string>{}</string>\n", xml(word)))
            .collect();
        let words = words.concat();
        let variable = |(name, value): &(String, String)| {
            format!(
                "    <key>{}</key>\n    <string>{}</string>\n",
                xml(name),
                xml(value)
            )
        };
        let variables: Vec<_> = self.variables.iter().map(variable).collect();
        let variables = variables.concat();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\">\n\
             <dict>\n  \
               <key>Label</key>\n  \
               <string>{}</string>\n  \
               <key>ProgramArguments</key>\n  \
               <array>\n{words}  </array>\n  \
               <key>EnvironmentVariables</key>\n  \
               <dict>\n{variables}  </dict>\n  \
               <key>RunAtLoad</key>\n  \
               <true/>\n  \
               <key>KeepAlive</key>\n  \
               <dict>\n    \
                 <key>SuccessfulExit</key>\n    \
                 <false/>\n  \
               </dict>\n  \
               <key>AbandonProcessGroup</key>\n  \
               <true/>\n  \
               <key>StandardErrorPath</key>\n  \
               <string>{}</string>\n\
             </dict>\n\
             </plist>\n",
            xml(label),
            xml(&self.log.to_string_lossy()),
        )
    }
}

/// A word of a command line as systemd reads it: quoted if need be, and nothing in it is expanded.
fn systemd_word(word: &str) -> String {
    let literal = word.replace('%', "%%").replace('$', "$$");
    let is_plain = |c: char| c.is_alphanumeric() || "/._-=:,+@%$".contains(c);
    if !literal.is_empty() && literal.chars().all(is_plain) {
        literal
    } else {
        quoted(&literal)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Whether a variable is one that a service needs and its manager does not set.
pub(super) fn is_wanted(name: &OsStr) -> bool {
    const WANTED: [&str; 13] = [
        "PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "TMUX_TMPDIR",
        "LLMUX_CONFIG",
        "LLMUX_TMUX_SOCKET",
        "LLMUXD_HOST",
        "LLMUXD_PORT",
        "SHELL",
    ];
    WANTED.iter().any(|wanted| name == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service<'a>(flags: &'a [String], variables: &'a [(String, String)]) -> Service<'a> {
        Service {
            exe: Path::new("/opt/my tools/llmux"),
            flags,
            socket: Path::new("/run/user/1000/llmux/llmux-01234567.sock"),
            variables,
            log: Path::new("/home/u/.local/state/llmuxd/daemon.log"),
        }
    }

    #[test]
    fn the_units_are_what_systemd_reads() {
        let flags = ["--port", "8080", "--config", "/a b/100%$x.yaml"].map(str::to_owned);
        let variables = [("PATH".to_owned(), "/home/u/.local/bin:/usr/bin".to_owned())];
        let service = service(&flags, &variables);
        let unit = service.systemd();
        for line in [
            r#"ExecStart="/opt/my tools/llmux" server start --port 8080 --config "/a b/100%%$$x.yaml""#,
            r#"Environment="PATH=/home/u/.local/bin:/usr/bin""#,
            "Type=notify",
            "WatchdogSec=60",
            "KillMode=process",
            "Also=llmux.socket",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line} in:\n{unit}");
        }
        let socket = service.systemd_socket();
        let stream = "ListenStream=/run/user/1000/llmux/llmux-01234567.sock";
        assert!(socket.lines().any(|line| line == stream), "{socket}");
    }

    #[test]
    fn the_property_list_is_well_formed_whatever_it_holds() {
        let flags = ["--qr-name".to_owned(), "<me & you>".to_owned()];
        let variables = [("PATH".to_owned(), "/a&b".to_owned())];
        let list = service(&flags, &variables).launchd("io.cordfuse.llmux");
        assert!(
            list.contains("    <string>&lt;me &amp; you&gt;</string>\n"),
            "{list}"
        );
        assert!(
            list.contains("    <key>PATH</key>\n    <string>/a&amp;b</string>\n"),
            "{list}"
        );
        assert!(
            list.contains("  <key>Label</key>\n  <string>io.cordfuse.llmux</string>\n"),
            "{list}"
        );
        let (opened, closed) = (list.matches("<dict>").count(), list.matches("</dict>").count());
        assert_eq!((opened, closed), (3, 3));
    }

    #[test]
    fn a_value_with_quotes_stays_one_value() {
        assert_eq!(quoted(r#"A=x "y" \z"#), r#""A=x \"y\" \\z""#);
        assert_eq!(systemd_word(""), "\"\"");
    }
}
