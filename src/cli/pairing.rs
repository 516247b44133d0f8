//! Choosing the address that another device uses, and drawing the link that signs it in.

use std::io::{self, BufRead, IsTerminal, Write};

use llmux_protocol::api::{Endpoint, Secret};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use super::failure::{Failure, tell};

/// The address that a selector means: a URL as it is, else the one endpoint of that kind.
///
/// # Errors
/// No endpoint is of that kind, or several are.
pub(super) fn choose(selector: &str, endpoints: &[Endpoint]) -> Result<Endpoint, Failure> {
    if selector.contains("://") {
        return Ok(Endpoint {
            label: "address".to_owned(),
            url: selector.trim_end_matches('/').to_owned(),
        });
    }
    let of_kind: Vec<_> = endpoints
        .iter()
        .filter(|endpoint| kind(endpoint) == selector)
        .collect();
    match of_kind[..] {
        [one] => Ok(one.clone()),
        [] => {
            let kinds: Vec<_> = endpoints.iter().map(kind).collect();
            Err(Failure::failed(format!("no endpoint is {selector:?}"))
                .hint(format!("there is {}; or name a URL", listed(&kinds))))
        }
        _ => {
            let urls: Vec<_> = of_kind.iter().map(|endpoint| endpoint.url.clone()).collect();
            Err(
                Failure::failed(format!("{} endpoints are {selector:?}", urls.len()))
                    .hint(format!("name one of them: {}", urls.join(", "))),
            )
        }
    }
}

/// Asks at the terminal which address is meant, if there are several.
///
/// # Errors
/// There is none, nobody is there to be asked, or the answer is none.
pub(super) fn ask(endpoints: &[Endpoint]) -> Result<Endpoint, Failure> {
    match endpoints {
        [] => {
            return Err(
                Failure::failed("the daemon has no address that another device could use")
                    .hint("start it with: llmux server start; or name one by --qr-endpoint URL"),
            );
        }
        [one] => return Ok(one.clone()),
        _ if !io::stdin().is_terminal() => {
            let kinds: Vec<_> = endpoints.iter().map(kind).collect();
            return Err(Failure::failed(
                "several addresses could be meant, and standard input is no terminal",
            )
            .hint(format!("add --qr-endpoint with {}, or a URL", listed(&kinds))));
        }
        _ => {}
    }
    tell("Pick an endpoint for the QR code:");
    for (at, Endpoint { label, url }) in endpoints.iter().enumerate() {
        tell(&format!("  {}) {label:<18} {url}", at + 1));
    }
    let _ = write!(io::stderr(), "  > ");
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("cannot read the answer: {error}")))?;
    let answer = answer.trim();
    let picked = answer
        .parse::<usize>()
        .ok()
        .and_then(|at| endpoints.get(at.checked_sub(1)?));
    picked
        .cloned()
        .ok_or_else(|| Failure::failed(format!("invalid selection {answer:?}")))
}

/// A label as it is typed: `Tailscale HTTPS` is `tailscale-https`.
fn kind(endpoint: &Endpoint) -> String {
    endpoint.label.to_lowercase().replace(' ', "-")
}

fn listed(kinds: &[String]) -> String {
    match kinds {
        [] => "none".to_owned(),
        kinds => kinds.join(", "),
    }
}

/// A link as lines of half blocks, light on dark as most terminals are; none if it is too long for a picture.
pub(super) fn picture(link: &Secret) -> Option<String> {
    let code = QrCode::with_error_correction_level(link.expose(), EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Some(renderer.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Vec<Endpoint> {
        let made = |(label, url): (&str, &str)| Endpoint {
            label: label.to_owned(),
            url: url.to_owned(),
        };
        [
            ("Tailscale HTTPS", "https://box.ts.net"),
            ("LAN", "http://192.168.1.5:3001"),
            ("LAN", "http://10.0.0.5:3001"),
            ("Local", "http://localhost:3001"),
        ]
        .map(made)
        .to_vec()
    }

    #[test]
    fn a_selector_must_mean_one_address() {
        let url = |selector: &str| choose(selector, &endpoints()).map(|endpoint| endpoint.url);
        assert_eq!(url("tailscale-https").unwrap(), "https://box.ts.net");
        assert_eq!(url("local").unwrap(), "http://localhost:3001");
        assert_eq!(url("https://proxy.example/").unwrap(), "https://proxy.example");
        let several = url("lan").unwrap_err();
        assert!(several.hints()[0].contains("http://10.0.0.5:3001"));
        let none = url("tailscale-http").unwrap_err();
        assert!(none.hints()[0].contains("tailscale-https, lan"));
    }

    #[test]
    fn a_picture_is_a_square_of_half_blocks_with_a_quiet_zone() {
        let picture = picture(&Secret::new("http://192.168.1.5:3001/#pair=abc")).unwrap();
        let rows: Vec<Vec<char>> = picture.lines().map(|row| row.chars().collect()).collect();
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width) && rows.len() == width.div_ceil(2));
        assert!(rows[..2].iter().flatten().all(|c| *c == '█'), "{picture}");
        // The last row has the lower half of nothing.
        for row in &rows[..rows.len() - 1] {
            assert!(
                row[..4].iter().chain(&row[width - 4..]).all(|c| *c == '█'),
                "{picture}"
            );
        }
    }
}
