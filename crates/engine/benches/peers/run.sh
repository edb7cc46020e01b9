#!/usr/bin/env bash
# A thousand rules over a million customers with ten million orders: ours beside DuckDB and Polars, in one go.
# Every rule's count has to equal theirs. Usage: run.sh [CUSTOMERS] [RULES] [THREADS]
set -euo pipefail
cd "$(dirname "$0")/../../../.."
customers=${1:-1000000} rules=${2:-1000} threads=${3:-2}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=${TIDINGS_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet duckdb==2.0.0 polars
    python="$folder/venv/bin/python"
fi
cargo bench --quiet --package tidings-engine --bench peers -- "$folder" "$customers" "$rules" "$threads" 9
"$python" crates/engine/benches/peers/peers.py "$folder" "$threads"
