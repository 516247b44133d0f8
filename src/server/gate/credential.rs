//! Where a request carries its credential.

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use percent_encoding::percent_decode_str;

use crate::auth::{Auth, AuthError, Identity};

/// The cookie of a user's token.
pub(crate) const SESSION: &str = "llmux_session";
/// The cookie of a token of version 1.
pub(crate) const LEGACY: &str = "llmuxd_token";

/// Who asks, and whether a browser said so by itself.
pub(super) struct Presented {
    pub(super) identity: Result<Identity, AuthError>,
    /// Then another site may have made the browser ask.
    pub(super) by_cookie: bool,
}

/// Looks for a credential: `Authorization`, else a ticket on a WebSocket's path, else the cookies. A bearer that is no good is
/// not made good by a cookie.
pub(super) fn present(auth: &Auth, uri: &Uri, headers: &HeaderMap) -> Presented {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer);
        return Presented {
            identity: token.map_or(Err(AuthError::BadToken), |token| auth.identify(token)),
            by_cookie: false,
        };
    }
    if let Some(ticket) = ticket(uri, headers) {
        return Presented {
            identity: auth.redeem_ticket(ticket),
            by_cookie: false,
        };
    }
    let cookie = cookie(headers, SESSION).or_else(|| cookie(headers, LEGACY));
    Presented {
        by_cookie: cookie.is_some(),
        identity: cookie.map_or(Err(AuthError::Missing), |token| auth.identify(&token)),
    }
}

/// The token behind `Bearer`, in whatever case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(char::is_whitespace)?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The one-time ticket among a WebSocket's subprotocols. Nothing that lets in is ever read from a URL.
fn ticket<'a>(uri: &Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if !uri.path().starts_with("/ws/") {
        return None;
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|word| word.trim().strip_prefix("ticket."))
}

/// A cookie's value. One that can't be decoded counts as what it is: no good.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| {
            percent_decode_str(value.trim_matches('"'))
                .decode_utf8_lossy()
                .into_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_in_each_form_the_old_program_took() {
        for (value, token) in [
            ("Bearer a.b", Some("a.b")),
            ("  bearer   a.b  ", Some("a.b")),
            ("BEARER\ta", Some("a")),
            ("Bearer", None),
            ("Bearer  ", None),
            ("Basic a", None),
            ("a.b", None),
        ] {
            assert_eq!(bearer(value), token, "{value}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others_and_a_broken_one_is_only_no_good() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; xllmux_session=no".parse().unwrap());
        headers.append(
            header::COOKIE,
            " llmux_session=sas_x%2Ey ;llmuxd_token=%".parse().unwrap(),
        );
        assert_eq!(cookie(&headers, SESSION).as_deref(), Some("sas_x.y"));
        assert_eq!(cookie(&headers, LEGACY).as_deref(), Some("%"));
        assert_eq!(cookie(&headers, "llmux"), None);
    }

    #[test]
    fn a_ticket_is_read_on_a_websockets_path_only() {
        let socket = Uri::from_static("/ws/a?ticket=no");
        for (offered, found) in [
            (&["llmux.v1, ticket.t"][..], Some("t")),
            (&["llmux.v1", "ticket.t"], Some("t")),
            (&["llmux.v1,tickets.t"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for offer in offered {
                headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
            }
            assert_eq!(ticket(&socket, &headers), found, "{offered:?}");
            assert_eq!(ticket(&Uri::from_static("/api/sessions"), &headers), None);
        }
    }
}
