#!/usr/bin/env bash
# The main job from end to end: import two files, check the rules, plan, explain, run into the sandbox, look.
# Needs Rust and a C compiler; everything else comes with it. Run it as often as you like: it starts afresh.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf .tidings

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
cargo build --release --quiet --manifest-path ../../Cargo.toml --bin tidings
tidings() { say tidings "$@"; "$(cargo metadata --manifest-path ../../Cargo.toml --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/tidings" "$@"; }

at=1998-07-01T10:00
tidings import data/customers.csv orders=data/CDNOW_master.txt
tidings check
tidings customers --at $at
tidings explain wake-up 00004 --at $at
tidings run --at $at
tidings sandbox list --count 6
tidings sandbox show 1
# The plan comes last, made before the run and the same as it: here with nobody sent anything yet.
rm -rf .tidings/sandbox/state.db*
tidings plan --at $at
