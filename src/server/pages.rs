//! The pages: one HTML file for all of them, and the files that it names, which are part of the program.
//!
//! A file's address begins with a hash over all of them, so that a browser may keep it for ever, and a page never mixes two
//! versions. A debug build reads them from the source tree, each time anew.

mod asset;

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use self::asset::Assets;
use super::{
    Shared,
    gate::{Need, Routes, get},
};

const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// Each is the same file: the router is in the browser.
const PAGES: [&str; 10] = [
    "/",
    "/session/{name}",
    "/chat/{name}",
    "/account",
    "/admin/users",
    "/tokens",
    "/agents",
    "/logs",
    "/settings",
    "/about",
];
/// Those for people who are not signed in.
const OPEN_PAGES: [&str; 2] = ["/login", "/setup"];
/// Files whose address is fixed: browsers ask for them by it.
const FIXED: [&str; 5] = [
    "/manifest.webmanifest",
    "/sw.js",
    "/icon-192.png",
    "/icon-512.png",
    "/icon-maskable.png",
];

/// In a release they never change; a debug build looks at the disk for each request.
fn assets() -> &'static Assets {
    static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::load);
    &ASSETS
}

/// The routes of the pages and of their files. There is nothing secret in the files.
pub(super) fn routes() -> Routes<Shared> {
    let pages = PAGES.into_iter().fold(Routes::new(), |routes, path| {
        routes.route(path, get(Need::Known, page))
    });
    let pages = OPEN_PAGES
        .into_iter()
        .fold(pages, |routes, path| routes.route(path, get(Need::Open, page)));
    FIXED
        .into_iter()
        .fold(pages, |routes, path| routes.route(path, get(Need::Open, fixed)))
        .route("/assets/{version}/{*path}", get(Need::Open, versioned))
}

/// The one page.
async fn page(headers: HeaderMap) -> Response {
    assets()
        .page()
        .map_or_else(missing, |page| page.answer(&headers, &ASK))
}

/// A file under the address of its version. An old version has none: its page is to be loaded anew.
async fn versioned(Path((version, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let assets = assets();
    if version != assets.version() {
        return missing();
    }
    let keep = if cfg!(debug_assertions) { &ASK } else { &KEEP };
    assets
        .get(&path)
        .map_or_else(missing, |asset| asset.answer(&headers, keep))
}

/// A file by its own name.
async fn fixed(uri: Uri, headers: HeaderMap) -> Response {
    assets()
        .get(uri.path().trim_start_matches('/'))
        .map_or_else(missing, |asset| asset.answer(&headers, &ASK))
}

fn missing() -> Response {
    (
        StatusCode::NOT_FOUND,
        [(header::CACHE_CONTROL, ASK)],
        "no such file\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests;
