//! Links that sign a browser in, and their pictures.

use axum::http::Uri;
use llmux_protocol::api::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{EcLevel, QrCode, render::svg};

use crate::auth::AuthError;

/// `ORIGIN/#KEY=SECRET`: what stands behind `#` is never sent to a server, and so in no log.
///
/// # Errors
/// `origin` is no http or https address.
pub(super) fn link(origin: &str, key: &str, secret: &Secret) -> Result<Secret, AuthError> {
    let wrong = || AuthError::invalid("the pairing origin must be an address such as http://host:3001");
    let origin = origin.trim().trim_end_matches('/');
    let uri: Uri = origin.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !is_web || origin.contains(['?', '#', '@', '"', '<', '>']) {
        return Err(wrong());
    }
    let secret = utf8_percent_encode(secret.expose(), NON_ALPHANUMERIC);
    Ok(Secret::new(format!("{origin}/#{key}={secret}")))
}

/// A link as a picture; none if it is too long for one.
pub(super) fn qr_svg(link: &Secret) -> Option<Secret> {
    let code = QrCode::with_error_correction_level(link.expose(), EcLevel::M).ok()?;
    let picture = code
        .render()
        .min_dimensions(240, 240)
        .dark_color(svg::Color("#e6e8eb"))
        .light_color(svg::Color("#0b0c1000"))
        .build();
    Some(Secret::new(picture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_the_secret_behind_the_hash() {
        let secret = Secret::new("sas_a-_.b");
        let made = link("http://box:3001/", "token", &secret).unwrap();
        assert_eq!(made.expose(), "http://box:3001/#token=sas%5Fa%2D%5F%2Eb");
        assert!(qr_svg(&made).unwrap().expose().starts_with("<?xml"));
        for origin in [
            "",
            "box:3001",
            "javascript:alert(1)",
            "ftp://box",
            "http://a@b",
            "http://b/?x",
            "http://b/\"><x",
        ] {
            assert!(link(origin, "token", &secret).is_err(), "{origin}");
        }
    }
}
