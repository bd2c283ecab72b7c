# What the scripts share; to be sourced.

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Whether something listens on a port of localhost.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port that nobody listens on, from $1 on; random, so that two scripts that
# run at once do not choose the same.
free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$(($1 + RANDOM % 300))
        listens "$port" || { echo "$port"; return; }
    done
    fail "no free port between $1 and $(($1 + 300))"
}

# What a command under wait_until returns when waiting is of no use.
GIVE_UP=9

# wait_until SECONDS WHAT COMMAND...: until the command succeeds.
wait_until() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $? -ne $GIVE_UP ] || fail "$what ended"
        [ $SECONDS -lt $end ] || fail "$what did not come up within $seconds s"
        sleep 0.1
    done
}

# Ends a process and waits for it: asks first, and insists after 30 s.
stop_pid() {
    local pid=$1 tries
    kill "$pid" 2>/dev/null || return 0
    for tries in $(seq 300); do
        kill -0 "$pid" 2>/dev/null || return 0
        # A zombie has ended; its parent may not have looked yet.
        ! grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status" || return 0
        sleep 0.1
    done
    say "process $pid does not end: killing it"
    kill -9 "$pid" 2>/dev/null || true
}

apt_install() {
    local sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    command -v apt-get >/dev/null || fail "please install: $*"
    say "installing $*"
    # Stay quiet unless it fails; no service is to be started by installing.
    local log
    log=$(mktemp)
    if ! { $sudo apt-get update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $sudo apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "installing $* failed"
    fi
    rm -f "$log"
}

need_cargo() {
    command -v cargo >/dev/null || fail "Rust is missing: install the toolchain of rust-toolchain.toml with rustup"
    # rustup may be unable to download the toolchain of rust-toolchain.toml: another will do.
    cargo --version >/dev/null 2>&1 || export RUSTUP_TOOLCHAIN=stable
    command -v cc >/dev/null || apt_install gcc libc6-dev
    command -v curl >/dev/null || apt_install curl
    command -v jq >/dev/null || apt_install jq
}

# field NAME: the value of a field of the JSON object on standard input; nothing if the
# object has none.
field() { jq -r --arg name "$1" '.[$name] // empty'; }

# build_bins [BIN...]: builds the services and these, in the profile WAYPOST_PROFILE
# (release); prints the folder they are in.
build_bins() {
    local profile=${WAYPOST_PROFILE:-release} bins=() bin
    for bin in links-api edge-redirector click-worker "$@"; do bins+=(--bin "$bin"); done
    say "building ($profile)"
    # Only a release names its commit: with it, every commit compiles the services anew.
    if [ "$profile" = release ] && [ -z "${WAYPOST_COMMIT:-}" ]; then
        WAYPOST_COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
        export WAYPOST_COMMIT
    fi
    cargo build --quiet --locked --profile "$profile" "${bins[@]}"
    echo "${CARGO_TARGET_DIR:-$PWD/target}/$([ "$profile" = dev ] && echo debug || echo "$profile")"
}

# python_env DIR REQUIREMENT: a Python environment with one program,
# made anew when another version of it is asked for.
python_env() {
    local dir=$1 requirement=$2
    [ "$(cat "$dir/requirement" 2>/dev/null)" != "$requirement" ] || return 0
    say "installing ${requirement%% *}"
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv
    rm -rf "$dir"
    python3 -m venv "$dir"
    echo "$requirement" >"$dir/requirements.txt"
    "$dir/bin/pip" install --quiet --disable-pip-version-check --requirement "$dir/requirements.txt"
    echo "$requirement" >"$dir/requirement"
}
