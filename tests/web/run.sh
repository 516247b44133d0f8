#!/usr/bin/env bash
# Types, vendored files, and the pages in a real browser against the real daemon. Arguments: test files, else all.
set -eu
cd "$(dirname "$0")/../.."
tests/web/install.sh
node target/web-node/node_modules/typescript/bin/tsc -p tests/web
node tests/web/vendor.mjs --check
[ -n "${LLMUX_BIN:-}" ] || cargo build --locked --bin llmux
[ $# -gt 0 ] || set -- tests/web/*.test.mjs
exec node --test --test-concurrency=1 "$@"
