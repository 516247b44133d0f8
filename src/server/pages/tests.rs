use axum::{Router, body::to_bytes, http::Request, routing};
use flate2::read::GzDecoder;
use tower::ServiceExt as _;

use super::*;

/// The handlers without the gate before them, which has tests of its own.
fn bare() -> Router {
    let pages = PAGES.into_iter().chain(OPEN_PAGES);
    let router = pages.fold(Router::new(), |router, path| {
        router.route(path, routing::get(page))
    });
    let files = FIXED.into_iter();
    files
        .fold(router, |router, path| router.route(path, routing::get(fixed)))
        .route("/assets/{version}/{*path}", routing::get(versioned))
}

async fn ask(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| {
        request.header(*name, *value)
    });
    let response = bare()
        .oneshot(request.body(axum::body::Body::empty()).unwrap())
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    (
        head.status,
        head.headers,
        to_bytes(body, usize::MAX).await.unwrap().to_vec(),
    )
}

/// All addresses of files in a text.
fn addresses(text: &str) -> Vec<&str> {
    text.split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect()
}

#[tokio::test]
async fn every_page_is_there_and_each_file_it_names() {
    for path in PAGES.into_iter().chain(OPEN_PAGES) {
        let path = path.replace("{name}", "a");
        let (status, headers, body) = ask(&path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let text = String::from_utf8(body).unwrap();
        assert!(!text.contains("{{"), "{text}");
        assert!(addresses(&text).len() > 10);
        for address in addresses(&text) {
            let (status, headers, _) = ask(address, &[]).await;
            assert_eq!(status, StatusCode::OK, "{address}");
            assert_ne!(
                headers[header::CONTENT_TYPE],
                "application/octet-stream",
                "{address}"
            );
        }
    }
    for path in FIXED {
        assert_eq!(ask(path, &[]).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_page_holds_no_script_and_no_style_of_its_own() {
    let (_, _, body) = ask("/", &[]).await;
    let text = String::from_utf8(body).unwrap();
    for script in text.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src="), "{tag}");
        assert!(rest.starts_with("</script>"), "{rest}");
    }
    assert!(
        !text.contains("<style") && !text.contains("style=") && !text.contains(" on"),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let (_, headers, _) = ask("/", &[]).await;
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, headers, body) = ask("/", &[("if-none-match", &format!("\"x\", {tag}"))]).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    assert_eq!(headers[header::ETAG], tag.as_str());
    assert!(body.is_empty());
}

#[tokio::test]
async fn files_are_compressed_for_those_who_take_it() {
    let path = format!("/assets/{}/vendor/xterm.js", assets().version());
    let (_, plain_head, plain) = ask(&path, &[("accept-encoding", "gzip;q=0, br")]).await;
    assert!(plain_head.get(header::CONTENT_ENCODING).is_none());
    let (_, head, packed) = ask(&path, &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(head[header::CONTENT_ENCODING], "gzip");
    assert_eq!(head[header::VARY], "accept-encoding");
    assert!(packed.len() * 2 < plain.len());
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(packed.as_slice()), &mut unpacked).unwrap();
    assert!(unpacked == plain);
}

#[tokio::test]
async fn other_versions_and_other_files_are_not_there() {
    let version = assets().version();
    for path in [
        "/assets/0000000000000000/app/main.js".to_owned(),
        format!("/assets/{version}/app/nothing.js"),
        format!("/assets/{version}/app/types.d.ts"),
        format!("/assets/{version}/../../Cargo.toml"),
        format!("/assets/{version}/..%2f..%2fCargo.toml"),
        format!("/assets/{version}/%2fetc/passwd"),
    ] {
        assert_eq!(ask(&path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}
