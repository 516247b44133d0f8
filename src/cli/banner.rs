//! What `server start` says once it serves: where it is reached, how the first user is made, and a code that pairs a phone.
//!
//! It is said to standard error and never logged: the log is for all who may read it, and a link here signs in.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;
use llmux_protocol::api::{Endpoint, PairingCode, PairingRequest, Secret, TokenList, TokenView};

use super::{
    failure::{Failure, tell},
    pairing::{choose, picture},
};
use crate::{client::Client, daemon::Ready, reach, store::time};

/// The pairing code that `server start` prints.
#[derive(Debug, Default, Args)]
pub(super) struct Pairing {
    /// Print no code that pairs a phone (server.noQr in the configuration)
    #[arg(long, conflicts_with_all = ["qr_endpoint", "qr_name", "qr_expiry", "qr_owner"])]
    no_qr: bool,
    /// The address that the phone uses: tailscale-https, tailscale-http, lan, local, or a URL (default: the best)
    #[arg(long, value_name = "ENDPOINT")]
    qr_endpoint: Option<String>,
    /// What the phone's token is called (default: what the phone says)
    #[arg(long, value_name = "NAME")]
    qr_name: Option<String>,
    /// When the phone's token ends, such as 2030-01-01 (default: as any sign-in, after 90 days)
    #[arg(long, value_name = "WHEN")]
    qr_expiry: Option<String>,
    /// Whom the phone is signed in as (default: the first admin)
    #[arg(long, value_name = "USERNAME")]
    qr_owner: Option<String>,
}

impl Pairing {
    /// Whether somebody asked for a code, rather than for nothing in particular.
    fn is_asked_for(&self) -> bool {
        self.wants_another() || self.qr_endpoint.is_some() || self.qr_owner.is_some()
    }

    /// Whether a code is wanted although its user has a device.
    fn wants_another(&self) -> bool {
        self.qr_name.is_some() || self.qr_expiry.is_some()
    }
}

/// Prints it; the pairing code follows when the daemon has given one.
pub(super) fn show(ready: &Ready, pairing: Pairing) {
    let how = if ready.took_over {
        "took over from the daemon before it"
    } else {
        "ready"
    };
    tell(&format!(
        "llmux {} {how}, listening on {}",
        env!("CARGO_PKG_VERSION"),
        ready.socket.display()
    ));
    if let Some(network) = &ready.network {
        endpoints(&network.endpoints);
        if let Some(fingerprint) = &network.fingerprint {
            tell(&format!("  certificate {fingerprint}"));
        }
        if let Some(word) = reach::wsl() {
            tell(&format!("  {word}"));
        }
        match &ready.setup {
            Some(token) => first_user(&network.endpoints, token),
            // A journal keeps what it is told: only a person is shown a code that was not asked for.
            None if pairing.no_qr || ready.no_qr => {}
            None if io::stderr().is_terminal() || pairing.is_asked_for() => {
                let (socket, endpoints) = (ready.socket.clone(), network.endpoints.clone());
                tokio::spawn(pair(socket, endpoints, pairing));
            }
            None => {}
        }
    }
    for warning in &ready.warnings {
        tell(&format!("warning: {warning}"));
    }
}

fn endpoints(endpoints: &[Endpoint]) {
    let width = endpoints
        .iter()
        .map(|endpoint| endpoint.label.len())
        .max()
        .unwrap_or(0);
    for Endpoint { label, url } in endpoints {
        tell(&format!("  ▸ {label:<width$}  {url}"));
    }
}

fn first_user(endpoints: &[Endpoint], token: &Secret) {
    let link = |endpoint: &Endpoint| format!("{}/setup?token={}", endpoint.url, token.expose());
    if let Some(best) = endpoints.first() {
        tell(&format!("  first user: {}", link(best)));
    }
    if let Some(local) = endpoints
        .iter()
        .skip(1)
        .find(|endpoint| endpoint.label == "Local")
    {
        tell(&format!("  or here:    {}", link(local)));
    }
    tell("  or on this host: llmux user create NAME --admin");
}

/// Prints a code, or why there is none; whatever goes wrong here, the daemon serves.
async fn pair(socket: PathBuf, endpoints: Vec<Endpoint>, wish: Pairing) {
    match offer(&socket, &endpoints, wish).await {
        Ok(said) => tell(&said),
        Err(failure) => {
            tell(&format!("  no pairing code: {}", failure.message()));
            for hint in failure.hints() {
                tell(&format!("  hint: {hint}"));
            }
        }
    }
}

async fn offer(socket: &Path, endpoints: &[Endpoint], wish: Pairing) -> Result<String, Failure> {
    let mut client = Client::connect(socket).await?;
    let list: TokenList = client.get("/api/tokens").await?;
    let Some(owner) = wish.qr_owner.clone().or_else(|| first_admin(&list)) else {
        return Ok("  no pairing code: there is no admin yet; llmux user create NAME --admin".to_owned());
    };
    if !wish.wants_another()
        && list
            .tokens
            .iter()
            .any(|token| token.username == owner && is_good(token))
    {
        return Ok(format!(
            "  {owner} has signed in before; pair another device in the browser, or with --qr-name NAME"
        ));
    }
    let endpoint = match (&wish.qr_endpoint, endpoints.first()) {
        (Some(selector), _) => choose(selector, endpoints)?,
        (None, Some(best)) => best.clone(),
        (None, None) => return Err(Failure::failed("the daemon has no address")),
    };
    let request = PairingRequest {
        origin: Some(endpoint.url),
        username: Some(owner.clone()),
        scopes: None,
        name: wish.qr_name,
        expires_at: wish.qr_expiry,
    };
    let made: PairingCode = client.post("/api/pairing", &request).await?;
    let link = made
        .url
        .ok_or_else(|| Failure::failed("the daemon made no link"))?;
    Ok(format!(
        "  pair a phone as {owner} ({}, good once, until {}):\n\n{}\n\n  {}\n",
        endpoint.label,
        made.expires_at,
        picture(&link).unwrap_or_default(),
        link.expose()
    ))
}

fn first_admin(list: &TokenList) -> Option<String> {
    let users = list.users.iter().flatten();
    users
        .filter(|user| user.admin)
        .find_map(|user| user.username.clone())
}

fn is_good(token: &TokenView) -> bool {
    let end = token.expires_at.as_deref().and_then(time::parse);
    end.is_none_or(|end| end > SystemTime::now())
}
