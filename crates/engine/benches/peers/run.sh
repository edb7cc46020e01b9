#!/usr/bin/env bash
# A thousand rules over a million customers with ten million orders: ours beside DuckDB and Polars, and beside SQLite, PostgreSQL,
# zen-engine and json-rules-engine over samples, in one go. Every answer has to equal theirs. It installs what it needs in
# a folder that is gone afterwards; PostgreSQL, psql, node and npm have to be there.
# Usage: run.sh [CUSTOMERS] [RULES] [THREADS] [RUNS]
set -euo pipefail
cd "$(dirname "$0")/../../../.."
customers=${1:-1000000} rules=${2:-1000} threads=${3:-2} runs=${4:-9}
folder=$(mktemp -d)
finish() {
    [ ! -d "$folder/postgres" ] || sh tests/witness/postgres.sh stop "$folder/postgres"
    rm -rf "$folder"
}
trap finish EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.0 polars==2.1.0 pyarrow==26.0.1 zen-engine==2.1.3
npm install --silent --no-audit --no-fund --prefix "$folder" json-rules-engine@7.3.1
chmod 755 "$folder"
url=$(sh tests/witness/postgres.sh start "$folder/postgres" | tail -1)

"$folder/venv/bin/python" crates/engine/benches/peers/peers.py "$folder" "$threads" "$runs" \
    cargo bench --quiet --package tidings-engine --bench peers -- "$folder" "$customers" "$rules" "$threads" "$runs"
echo
"$folder/venv/bin/python" crates/engine/benches/peers/others.py "$folder" "$url"
