# Functions that all scripts share. To be sourced.

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Whether something listens on a port of localhost.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints the comment at the head of the script, and exits.
usage() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "scripts/$(basename "$0")"
    exit 2
}

# A free port of the 300 from $1 on. It is random, so that two scripts that run at the same
# time rarely choose the same.
free_port() {
    local port tries
    for tries in $(seq 50); do
        port=$(($1 + RANDOM % 300))
        listens "$port" || { echo "$port"; return; }
    done
    fail "no free port between $1 and $(($1 + 300))"
}

# Exit code of a command under wait_until that ends the wait.
GIVE_UP=9

# wait_until SECONDS WHAT COMMAND...: waits until the command succeeds.
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

# Sends SIGTERM to a process and waits for its end; sends SIGKILL after 30 s.
stop_pid() {
    local pid=$1 tries
    kill "$pid" 2>/dev/null || return 0
    for tries in $(seq 300); do
        kill -0 "$pid" 2>/dev/null || return 0
        # A zombie has ended, even if its parent has not waited for it yet.
        ! grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status" || return 0
        sleep 0.1
    done
    say "process $pid is still running after 30 s, killing it"
    kill -9 "$pid" 2>/dev/null || true
}

apt_install() {
    local sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    command -v apt-get >/dev/null || fail "apt-get is missing, install these packages: $*"
    say "installing $*"
    # Prints the output only if it fails. RUNLEVEL=1 keeps packages from starting services.
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
    # Use the stable toolchain where rustup cannot download that of rust-toolchain.toml.
    cargo --version >/dev/null 2>&1 || export RUSTUP_TOOLCHAIN=stable
    command -v cc >/dev/null || apt_install gcc libc6-dev
    command -v curl >/dev/null || apt_install curl
    command -v jq >/dev/null || apt_install jq
}

# field NAME: prints a field of the JSON object on standard input, or nothing if it is missing.
field() { jq -r --arg name "$1" '.[$name] // empty'; }

# build_bins [BIN...]: builds the services and the given programs in the profile
# WAYPOST_PROFILE (release by default), and prints the folder of the binaries.
build_bins() {
    local profile=${WAYPOST_PROFILE:-release} bins=() bin
    for bin in links-api edge-redirector click-worker "$@"; do bins+=(--bin "$bin"); done
    say "building ($profile)"
    # Only release builds contain their commit: it makes cargo compile the services again for
    # every commit.
    if [ "$profile" = release ] && [ -z "${WAYPOST_COMMIT:-}" ]; then
        WAYPOST_COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
        export WAYPOST_COMMIT
    fi
    cargo build --quiet --locked --profile "$profile" "${bins[@]}"
    echo "${CARGO_TARGET_DIR:-$PWD/target}/$([ "$profile" = dev ] && echo debug || echo "$profile")"
}

# python_env DIR REQUIREMENT: creates a Python environment with one program, and creates it
# again when the requirement has changed.
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

# node_packages DIR PACKAGE_JSON: installs what a package.json names, and installs it again when
# the file has changed.
node_packages() {
    local dir=$1 file=$2
    ! cmp -s "$file" "$dir/installed.json" || return 0
    command -v npm >/dev/null || apt_install nodejs npm
    say "installing $(jq -r '.dependencies | keys | join(", ")' "$file")"
    rm -rf "$dir"
    mkdir -p "$dir"
    cp "$file" "$dir/package.json"
    (cd "$dir" && npm install --silent --no-audit --no-fund --no-package-lock)
    cp "$file" "$dir/installed.json"
}
