#!/bin/sh
# A PostgreSQL of its own for tests and benchmarks: `postgres.sh start FOLDER` makes one in a new folder, on a free
# port and a socket in that folder, with fsync on, and prints its URL; `postgres.sh stop FOLDER` ends it and deletes
# the folder; `down` kills it and `up` brings it back. Needs Debian's postgresql package; run by root it works as the user postgres, or else nobody.
set -eu

folder=${2:?"usage: postgres.sh start|down|up|stop FOLDER"}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo "there is no PostgreSQL in /usr/lib/postgresql: install the package postgresql" >&2; exit 1; }

as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

case $1 in
start)
    mkdir "$folder"
    folder=$(cd "$folder" && pwd)
    [ "$(id -u)" -ne 0 ] || chown "$(id -u postgres 2>/dev/null || id -u nobody)" "$folder"
    cd "$folder"
    as_server "$bin/initdb" -D "$folder/data" -U tidings -A trust -E UTF8 --locale=C.UTF-8 >"$folder.log" 2>&1 ||
        { cat "$folder.log" >&2; exit 1; }
    port=$(free_port)
    cat >>"$folder/data/postgresql.conf" <<SETTINGS
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 300
shared_buffers = 512MB
fsync = on
synchronous_commit = on
SETTINGS
    as_server "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start >"$folder.log" 2>&1 ||
        { cat "$folder.log" "$folder/server.log" >&2; exit 1; }
    rm "$folder.log"
    echo "postgres://tidings@localhost:$port/postgres?host=$folder"
    ;;
down)
    as_server "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null
    ;;
up)
    as_server "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start >/dev/null
    ;;
stop)
    folder=$(cd "$folder" && pwd)
    cd "$folder"
    as_server "$bin/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null
    cd /
    rm -rf "$folder"
    ;;
*)
    echo "usage: postgres.sh start|down|up|stop FOLDER" >&2
    exit 1
    ;;
esac
