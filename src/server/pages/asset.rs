//! The files of `assets/web`, each with its kind, its tag and its compressed form.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    sync::{Arc, OnceLock},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

#[derive(rust_embed::Embed)]
#[folder = "assets/web/"]
#[exclude = "*.d.ts"]
struct Files;

/// What stands in the page for the address of this version.
const VERSION_MARK: &str = "{{assets}}";
/// And for the modules that every page needs: fetched at once, rather than one after another.
const PRELOAD_MARK: &str = "{{preload}}";
const VERSION_HEX: usize = 16;

/// All files.
pub(super) struct Assets {
    version: String,
    files: HashMap<String, Arc<Asset>>,
    page: OnceLock<Option<Arc<Asset>>>,
}

impl Assets {
    pub(super) fn load() -> Self {
        let files: HashMap<_, _> = Files::iter()
            .filter_map(|path| Some((path.to_string(), Arc::new(Asset::read(&path)?))))
            .collect();
        Self {
            version: version(&files),
            files,
            page: OnceLock::new(),
        }
    }

    /// What names this set of files.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn get(&self, path: &str) -> Option<Arc<Asset>> {
        if cfg!(debug_assertions) {
            return Asset::read(path).map(Arc::new);
        }
        self.files.get(path).cloned()
    }

    /// The page, with the addresses of this version.
    pub(super) fn page(&self) -> Option<Arc<Asset>> {
        if cfg!(debug_assertions) {
            return self.make_page();
        }
        self.page.get_or_init(|| self.make_page()).clone()
    }

    fn make_page(&self) -> Option<Arc<Asset>> {
        let template = self.get("index.html")?;
        let text = std::str::from_utf8(&template.bytes).ok()?;
        let text = text
            .replace(PRELOAD_MARK, &self.preload())
            .replace(VERSION_MARK, &format!("/assets/{}", self.version));
        Some(Arc::new(Asset::new(Bytes::from(text), template.kind)))
    }

    /// The modules of the frame: those directly in `app/` and in `app/ui/`, and the view library; and those of the picker,
    /// where most begin.
    fn preload(&self) -> String {
        let mut paths: Vec<_> = self.files.keys().filter(|path| is_frame(path)).collect();
        paths.sort_unstable();
        let link = |path| format!("<link rel=\"modulepreload\" href=\"{VERSION_MARK}/{path}\">\n");
        paths.into_iter().map(link).collect()
    }
}

fn is_frame(path: &str) -> bool {
    const PICKER: [&str; 4] = [
        "app/pages/sessions.js",
        "app/session/actions.js",
        "app/session/answer.js",
        "app/session/row.js",
    ];
    if PICKER.contains(&path) {
        return true;
    }
    let Some(name) = path.strip_prefix("app/") else {
        return path == "vendor/preact.js";
    };
    let name = name.strip_prefix("ui/").unwrap_or(name);
    // Markdown brings its libraries along, which only the chat needs; `shared` is a worker.
    name.strip_suffix(".js")
        .is_some_and(|stem| !stem.contains('/') && !matches!(stem, "markdown" | "shared"))
}

/// The hash of all paths and contents.
fn version(files: &HashMap<String, Arc<Asset>>) -> String {
    let mut all: Vec<_> = files.iter().collect();
    all.sort_unstable_by_key(|(path, _)| *path);
    let mut hash = blake3::Hasher::new();
    for (path, asset) in all {
        hash.update(path.as_bytes());
        hash.update(asset.tag.as_bytes());
    }
    hash.finalize().to_hex()[..VERSION_HEX].to_owned()
}

/// One file.
pub(super) struct Asset {
    bytes: Bytes,
    kind: &'static str,
    tag: HeaderValue,
    /// Compressed when it is first asked for; none if that makes it no smaller.
    gzip: OnceLock<Option<Bytes>>,
}

impl Asset {
    fn read(path: &str) -> Option<Self> {
        let bytes = match Files::get(path)?.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(Self::new(bytes, kind(path)))
    }

    fn new(bytes: Bytes, kind: &'static str) -> Self {
        let hash = blake3::hash(&bytes).to_hex();
        let tag = HeaderValue::from_str(&format!("\"{}\"", &hash[..VERSION_HEX]));
        Self {
            bytes,
            kind,
            tag: tag.unwrap_or(HeaderValue::from_static("\"\"")),
            gzip: OnceLock::new(),
        }
    }

    /// The file, as far as the browser does not have it, in the form that it takes.
    pub(super) fn answer(&self, asked: &HeaderMap, caching: &HeaderValue) -> Response {
        let known = asked
            .get(header::IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok());
        let known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == self.tag));
        let packed = if takes_gzip(asked) { self.packed() } else { None };
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(self.kind))];
            (kind, Body::from(packed.unwrap_or(&self.bytes).clone())).into_response()
        };
        let headers = response.headers_mut();
        if packed.is_some() && !known {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, caching.clone());
        response
    }

    fn packed(&self) -> Option<&Bytes> {
        let pack = || {
            gzip(&self.bytes)
                .ok()
                .filter(|packed| packed.len() < self.bytes.len())
        };
        self.gzip.get_or_init(pack).as_ref()
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::best());
    packer.write_all(bytes)?;
    packer.finish().map(Bytes::from)
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let value = asked
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.all(|weight| !matches!(weight, "q=0" | "q=0.0"))
        })
    })
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
