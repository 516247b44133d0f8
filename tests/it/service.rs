//! The daemon as a service: what it tells its manager, the socket it is given, its files, and how it is replaced.

use std::{
    fs::{self, Permissions},
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    process::{Command, Stdio},
    time::Duration,
};

use crate::lab::{LLMUX, Lab, eventually, has, lives, signal, until};

/// Messages to a service manager.
struct Manager(UnixDatagram);

impl Manager {
    fn new(lab: &mut Lab) -> Self {
        let path = lab.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        lab.set("NOTIFY_SOCKET", path.to_str().unwrap());
        Self(socket)
    }

    fn hears(&self) -> String {
        let mut message = [0; 512];
        let length = self.0.recv(&mut message).expect("a message");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }
}

#[test]
fn it_says_when_it_serves_that_it_lives_and_when_it_leaves() {
    let mut lab = Lab::new();
    let manager = Manager::new(&mut lab);
    lab.set("WATCHDOG_USEC", "60000");
    let mut daemon = lab.spawn(["server", "start"]);
    assert_eq!(manager.hears().trim_end(), "READY=1");
    assert_eq!(lab.daemon(), Some(daemon.id()));
    for _ in 0..3 {
        assert_eq!(manager.hears().trim_end(), "WATCHDOG=1");
    }
    signal(daemon.id(), "TERM");
    eventually("it says that it leaves", || {
        (manager.hears().trim_end() == "STOPPING=1").then_some(())
    });
    eventually("it ends", || daemon.try_wait().unwrap());
}

#[test]
fn agents_do_not_see_what_the_manager_tells_the_daemon() {
    let mut lab = Lab::new();
    let _manager = Manager::new(&mut lab);
    lab.start("shell", "x", "");
    lab.prompt("x", "echo \"socket=$NOTIFY_SOCKET.\"");
    lab.shows("x", "^socket=\\.$");
}

#[test]
fn a_client_that_connects_first_is_served_by_the_daemon_that_it_starts() {
    let lab = Lab::new();
    // The path is known before there is a daemon.
    lab.llmux(["session", "list"]).ok();
    let socket = lab.status()["socket"].as_str().unwrap().to_owned();
    lab.llmux(["server", "stop"]).ok();
    let listener = UnixListener::bind(&socket).unwrap();
    let early = lab.spawn(["session", "list"]);
    let mut command = lab.command("sh");
    let line = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$LLMUX\" server start";
    command
        .env("LLMUX", LLMUX)
        .args(["-c", line])
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
        .stderr(Stdio::null());
    let mut daemon = command.spawn().unwrap();
    let listed = early.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "no llmux sessions\n");
    assert_eq!(lab.daemon(), Some(daemon.id()));
    signal(daemon.id(), "TERM");
    eventually("it ends", || daemon.try_wait().unwrap());
    // The socket is the manager's: it stays, and the next client waits there.
    assert!(UnixStream::connect(&socket).is_ok());
    drop(listener);
    fs::remove_file(&socket).unwrap();
}

/// Puts a `systemctl` into the `PATH` that writes down what it is asked.
fn systemctl(lab: &mut Lab, script: &str) {
    let bin = lab.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let record = lab.path("asked");
    fs::write(
        bin.join("systemctl"),
        format!("#!/bin/sh\necho \"$*\" >> {}\n{script}\n", record.display()),
    )
    .unwrap();
    fs::set_permissions(bin.join("systemctl"), Permissions::from_mode(0o755)).unwrap();
    lab.set(
        "PATH",
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_service_is_installed_with_its_socket_and_removed() {
    let mut lab = Lab::new();
    systemctl(&mut lab, "");
    lab.start("shell", "x", "");
    let background = lab.daemon().unwrap();
    let units = lab.path("config/systemd/user");
    let dry = lab
        .llmux(["server", "install", "--dry-run", "--", "--port", "8080"])
        .ok();
    assert!(
        dry.contains("server start --port 8080\n") && !units.exists(),
        "{dry}"
    );
    let socket = lab.status()["socket"].as_str().unwrap().to_owned();

    lab.llmux(["server", "install", "--", "--port", "8080"]).ok();
    let service = fs::read_to_string(units.join("llmux.service")).unwrap();
    assert!(
        service.contains(&format!("ExecStart={LLMUX} server start --port 8080\n")),
        "{service}"
    );
    assert!(
        service.contains("Environment=\"PATH=") && service.contains("KillMode=process"),
        "{service}"
    );
    assert!(
        fs::read_to_string(units.join("llmux.socket"))
            .unwrap()
            .contains(&format!("ListenStream={socket}\n"))
    );
    // The service's daemon takes its place.
    until("the one in the background has left", || !lives(background));
    let asked = fs::read_to_string(lab.path("asked")).unwrap();
    assert!(
        asked.contains("--user daemon-reload") && asked.contains("enable llmux.socket llmux.service"),
        "{asked}"
    );
    if has("systemd-analyze") {
        let output = Command::new("systemd-analyze")
            .args(["--user", "verify"])
            .args(["llmux.service", "llmux.socket"].map(|name| units.join(name)))
            .env("XDG_RUNTIME_DIR", lab.path("run"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let about_ours: Vec<_> = said.lines().filter(|line| line.contains("llmux.")).collect();
        assert!(about_ours.is_empty(), "{said}");
    }
    lab.llmux(["server", "uninstall"]).ok();
    assert!(!units.join("llmux.service").exists() && !units.join("llmux.socket").exists());
    assert!(lab.llmux(["server", "uninstall"]).ok().contains("not installed"));
    assert_eq!(lab.session("x").unwrap()["state"], "running");

    let said = lab.llmux(["server", "install", "--", "--prot", "1"]).fails(64);
    assert!(said.contains("--prot"), "{said}");
    systemctl(&mut lab, "echo 'no bus' >&2; exit 1");
    let daemon = lab.daemon().unwrap();
    let run = lab.llmux(["server", "install"]);
    assert!(
        run.code == 1 && run.stderr.contains("no bus") && run.stderr.contains("hint: "),
        "{run}"
    );
    assert!(
        lives(daemon) && !units.join("llmux.service").exists(),
        "nothing was changed"
    );
}

#[test]
fn an_upgrade_puts_this_program_in_the_place_of_the_one_in_the_background() {
    let lab = Lab::new();
    assert!(lab.llmux(["server", "upgrade"]).ok().contains("no daemon runs"));
    lab.start("demo", "x", "");
    let before = lab.daemon().unwrap();
    let turn = lab
        .llmux([
            "session",
            "prompt",
            "x",
            "--async",
            "[[chunks=5]] [[delay=100]] five parts",
        ])
        .ok();
    let said = lab.llmux(["server", "upgrade"]).ok();
    let after = lab.daemon().unwrap();
    assert!(
        said.contains(&before.to_string()) && said.contains(&after.to_string()),
        "{said}"
    );
    assert!(before != after && lab.status()["background"] == true);
    let reply = lab.llmux(["turn", "wait", turn.trim(), "--timeout", "30s"]).ok();
    assert!(reply.contains("five parts"), "{reply}");
    until("the old one is gone", || !lives(before));
}

#[test]
fn one_in_a_terminal_is_not_taken_from_there() {
    let lab = Lab::new();
    let mut daemon = lab.spawn(["server", "start"]);
    until("it serves", || lab.daemon() == Some(daemon.id()));
    let said = lab.llmux(["server", "upgrade"]).fails(1);
    assert!(said.contains("terminal") && said.contains("--replace"), "{said}");
    assert_eq!(lab.daemon(), Some(daemon.id()));
    signal(daemon.id(), "TERM");
    eventually("it ends", || daemon.try_wait().unwrap());
}
