#!/usr/bin/env bash
# Puts the node modules of tests/web, as its lock file pins them, under target/web-node. Without npm it fails with one line.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v npm >/dev/null; then
  echo "npm is missing: install Node.js 20 or newer" >&2
  exit 1
fi
home=target/web-node
mkdir -p "$home"
cmp -s tests/web/package-lock.json "$home/installed" && exit 0
cp tests/web/package.json tests/web/package-lock.json "$home/"
npm ci --prefix "$home" --no-audit --no-fund --loglevel=error
cp tests/web/package-lock.json "$home/installed"
