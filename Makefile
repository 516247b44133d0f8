# Two commands are all a newcomer needs: `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
TMUX_NEW := $(CURDIR)/target/tmux-3.5a/bin

help:
	@echo "make run        start a daemon and a demo session that another terminal can prompt"
	@echo "make test       format, lints, all tests; the pages too where a browser is to be had"
	@echo "make test-web   the pages in a real browser (chromium); ONLY=\"tests/web/pages.test.mjs\" for some"
	@echo "make test-tmux  the tests that need tmux, against tmux 3.5a built from source"
	@echo "make zoo        10,000 turns with agents that misbehave, each checked against the agent's own history"
	@echo "make test-agents  real agent CLIs (npm, pip) against a model server on the loopback; ONLY=\"codex gemini\" for some"
	@echo "make test-api   the HTTP API against its own document (schemathesis, from PyPI)"
	@echo "make bench      all benchmarks, each beside its baseline"
	@echo "make dist       a release: tarball and checksum, and a Debian package where cargo-deb is installed"
	@echo "make check-macos  whether it compiles for macOS"
	@echo "make man        the manual pages, in target/dist/share/man/man1"
	@echo "make fuzz       each fuzz target for 30 s (needs cargo-fuzz)"

# What a fresh Debian machine lacks. Elsewhere: install tmux 3.2 or newer and a C compiler.
setup:
	@.ci/setup

run: setup
	cargo build --release
	@echo "In another terminal: target/release/llmux session prompt demo \"hello\""
	@echo "To see it:           target/release/llmux session attach demo    (Ctrl-b d leaves)"
	@target/release/llmux session start demo || true
	target/release/llmux server start

test: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
ifdef NEXTEST
	cargo test --workspace --locked --doc
	cargo nextest run --workspace --locked
else
	cargo test --workspace --locked --doc
	cargo test --workspace --locked --lib --bins --tests
endif
	@# Elsewhere than on Debian somebody has to install them.
	@if .ci/setup web && tests/web/install.sh; then tests/web/run.sh; \
	  else echo "LEFT OUT: the pages in a real browser (see above)" >&2; fi

test-web:
	@.ci/setup web
	tests/web/run.sh $(ONLY)

test-tmux: setup
	.ci/build-tmux
	PATH=$(TMUX_NEW):$$PATH LLMUX_TEST_TMUX=$(TMUX_NEW)/tmux LLMUX_TEST_TMUX_DIR=$(TMUX_NEW) \
	  cargo test --workspace --locked

# Where the system allows it, the agents see no network but the loopback.
LOOPBACK := $(if $(shell unshare -rn ip link set lo up 2>/dev/null && echo yes),unshare -rn sh -c,sh -c)

test-agents: setup
	.ci/agents $(ONLY)
	cargo test --locked --test agents --no-run
	$(LOOPBACK) 'ip link set lo up 2>/dev/null; exec cargo test --offline --locked --test agents -- $(ONLY)'

test-api: setup
	cargo build --locked
	.ci/api

bench: setup
	cargo bench --workspace --locked

# Whether the Rust of it compiles for macOS. The C of its libraries, for which this system has no compiler, is left out.
APPLE := aarch64_apple_darwin
check-macos:
	rustup target add aarch64-apple-darwin
	CC_$(APPLE)=true CXX_$(APPLE)=true AR_$(APPLE)=true RANLIB_$(APPLE)=true SDKROOT=/ \
	  cargo check --locked --workspace --lib --bins --target aarch64-apple-darwin

# What a package installs beside the program. The scripts call it by name.
SHARE := target/dist/share
RELEASE := PATH="$(CURDIR)/target/release:$$PATH" llmux

man: setup
	cargo build --release --locked
	$(RELEASE) man --dir $(SHARE)/man/man1

dist: man
	mkdir -p $(SHARE)/bash-completion/completions $(SHARE)/zsh/vendor-completions $(SHARE)/fish/vendor_completions.d
	$(RELEASE) completions bash > $(SHARE)/bash-completion/completions/llmux
	$(RELEASE) completions zsh > $(SHARE)/zsh/vendor-completions/_llmux
	$(RELEASE) completions fish > $(SHARE)/fish/vendor_completions.d/llmux.fish
	.ci/tarball
	if command -v cargo-deb >/dev/null; then cargo deb --no-build --locked --output target/dist/; fi
	@ls -l target/dist

fuzz:
	cd protocol/fuzz && for target in demux unescape layout command; do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run -s none $$target -- -max_total_time=30 || exit 1; done

zoo: setup
	LLMUX_ZOO_TURNS=$${LLMUX_ZOO_TURNS:-10000} cargo test --locked --test zoo -- --nocapture

.PHONY: help setup run test test-web test-tmux zoo test-agents test-api bench check-macos man dist fuzz
