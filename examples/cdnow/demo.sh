#!/usr/bin/env bash
# The main job from end to end: import two files, check the rules, plan, explain, run into the sandbox, look.
# Needs Rust and a C compiler; everything else comes with it. Run it as often as you like: it starts afresh.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf .tidings

cargo build --release --manifest-path ../../Cargo.toml --bin tidings
target=$(cargo metadata --manifest-path ../../Cargo.toml --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
tidings() {
    printf '\n$ tidings %s\n' "$*"
    "$target/release/tidings" "$@"
}

at=1998-07-01T10:00
tidings import data/customers.csv orders=data/CDNOW_master.txt
tidings check
tidings customers --at $at
tidings plan --at $at
tidings explain wake-up 00004 --at $at
tidings run --at $at
tidings sandbox list --channel coupon --count 3
tidings sandbox list --channel email --count 3
tidings sandbox list --channel sms --count 3
