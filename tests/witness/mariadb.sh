#!/bin/sh
# A MariaDB of its own for tests and benchmarks: `mariadb.sh start FOLDER` makes one in a new folder, on a free port of
# this machine, and prints its URL; `mariadb.sh stop FOLDER` ends it and deletes the folder. Needs Debian's
# mariadb-server package; run by root it works as the user mysql, or else nobody.
set -eu

folder=${2:?"usage: mariadb.sh start|stop FOLDER"}
[ -x /usr/sbin/mariadbd ] || { echo "there is no MariaDB in /usr/sbin: install the package mariadb-server" >&2; exit 1; }

as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id mysql >/dev/null 2>&1; then
        setpriv --reuid=mysql --regid=mysql --clear-groups "$@"
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
    [ "$(id -u)" -ne 0 ] || chown "$(id -u mysql 2>/dev/null || id -u nobody)" "$folder"
    cd "$folder"
    as_server mariadb-install-db --no-defaults --datadir="$folder/data" --auth-root-authentication-method=normal \
        --skip-test-db >"$folder.log" 2>&1 || { cat "$folder.log" >&2; exit 1; }
    port=$(free_port)
    # Nothing that stays behind keeps the output open, or whoever reads it would wait for ever.
    (
        exec >"$folder.log" 2>&1
        as_server /usr/sbin/mariadbd --no-defaults --datadir="$folder/data" --port="$port" --bind-address=127.0.0.1 \
            --socket="$folder/socket" --pid-file="$folder/pid" --innodb-buffer-pool-size=512M --max-connections=300 \
            --skip-log-bin
    ) &
    tries=0
    until mariadb-admin --no-defaults --socket="$folder/socket" --user=root ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { cat "$folder.log" >&2; exit 1; }
        sleep 0.2
    done
    mariadb --no-defaults --socket="$folder/socket" --user=root --execute="
        CREATE DATABASE tidings CHARACTER SET utf8mb4;
        CREATE USER tidings@'127.0.0.1' IDENTIFIED BY 'tidings';
        GRANT ALL ON *.* TO tidings@'127.0.0.1' WITH GRANT OPTION;"
    rm "$folder.log"
    echo "mysql://tidings:tidings@127.0.0.1:$port/tidings"
    ;;
stop)
    folder=$(cd "$folder" && pwd)
    mariadb-admin --no-defaults --socket="$folder/socket" --user=root shutdown
    cd /
    rm -rf "$folder"
    ;;
*)
    echo "usage: mariadb.sh start|stop FOLDER" >&2
    exit 1
    ;;
esac
