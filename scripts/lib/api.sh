# links-api with a database of its own, for scripts that send it requests. To be sourced after
# common.sh.

API_PID=
SERVER_URL=
API_DATABASE=

# Prints what a statement selects from the database.
sql() { psql -qtA "$DATABASE_URL" -c "$1"; }
admin() { "$BIN/links-api" admin "$@"; }

# start_api NAME OUT: starts the debug binary with a new database, and sets API_PORT and BIN.
# The log is OUT/links-api.log. stop_api drops the database.
start_api() {
    local name=$1 out=$2 services admin_port
    BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug
    [ -x "$BIN/links-api" ] || cargo build --quiet --locked --bin links-api
    if [ -z "${DATABASE_URL:-}" ]; then
        services=$(scripts/services env)
        eval "$services"
    fi
    SERVER_URL=$DATABASE_URL
    API_DATABASE=waypost_${name}_$$
    trap stop_api EXIT
    trap 'exit 130' INT TERM
    psql -q "$SERVER_URL" -c "CREATE DATABASE $API_DATABASE"
    export DATABASE_URL=${SERVER_URL%/*}/$API_DATABASE REDIS_URL
    export REDIS_PREFIX=$API_DATABASE: ORIGIN_TOKEN=a-token-for-this-run
    "$BIN/links-api" migrate >/dev/null
    API_PORT=$(free_port 29000) admin_port=$(free_port 29400)
    API_BIND=127.0.0.1:$API_PORT ADMIN_BIND=127.0.0.1:$admin_port \
        ORIGIN_BIND=127.0.0.1:$(free_port 29800) PLATFORM_CLICK_HOST=click.waypost.example \
        DATABASE_POOL_SIZE=8 DOMAIN_OWNERSHIP=assumed "$BIN/links-api" serve >"$out/links-api.log" &
    API_PID=$!
    wait_until 30 "links-api (see $out/links-api.log)" curl -fsS "http://127.0.0.1:$admin_port/ready"
    wait_until 10 "the API (see $out/links-api.log)" curl -fsS "http://127.0.0.1:$API_PORT/openapi.json"
}

stop_api() {
    [ -z "$API_PID" ] || stop_pid "$API_PID"
    psql -q "$SERVER_URL" -c "DROP DATABASE IF EXISTS $API_DATABASE WITH (FORCE)" 2>/dev/null || true
}
