#!/usr/bin/env bash
# The tests of the store's two files with `unsafe` under AddressSanitizer: it looks at what Rust reads and writes, in whosever
# memory; SQLite's own reading and writing it does not see. The stable toolchain brings it along, and has to be asked to use it.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_INCREMENTAL=0
# Without memory of SQLite's own that it keeps when it is freed.
export LIBSQLITE3_FLAGS=-DSQLITE_OMIT_LOOKASIDE ASAN_OPTIONS=detect_leaks=0
cargo test --quiet --target "$target" --target-dir "${TIDINGS_SANITIZER:-target/sanitizer}" --package tidings-store --lib -- \
    customers::lite customers::resident
