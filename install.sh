#!/usr/bin/env bash
# Sets Strongroom up on Debian or Ubuntu with Python 3.11 to 3.13, as root or as a plain user, and then:
#
#   ./install.sh                          leaves the `strongroom` command where the shell finds it
#   ./install.sh --demo [--keep]          walks the whole way with the fixtures, in a throw-away home
#   ./install.sh --test [--nightly] [...] runs every check; what follows goes to pytest
#
# All that it makes stands in .venv/ and build/ beside it, plus Debian packages when it runs as root. It asks
# nothing, can be killed anywhere and run again, and finds its work done in under two seconds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$root/.venv
log=$root/build/install.log
unfinished=$root/build/unfinished # stands while .venv is being changed: found at start, .venv is made anew
running=                          # process group of the step under way

# Debian package -> what is missing without it.
packages=(
    "g++|the local language model (the built-in reader still tags, finds action items and links)"
    "cmake|the local language model, unless pip can fetch its own cmake"
    "ninja-build|the local language model, unless pip can fetch its own ninja"
    "tesseract-ocr|the text of scans and pictures"
    "tesseract-ocr-eng|the text of English scans and pictures"
    "tesseract-ocr-deu|the text of German scans and pictures"
    "ca-certificates|mailboxes whose server has a public certificate"
)
test_packages=(
    "dovecot-imapd|the tests against a real mail server (they are skipped)"
    "iproute2|the tests that watch the network from outside (they are skipped)"
    "strace|the tests that watch system calls from outside (they are skipped)"
)
# Named, and installed for the tests only: 280 MB for kinds of files that few people have.
office_packages=(
    "libreoffice-writer-nogui|the text of old Word and WordPerfect files (.doc, .wpd)"
    "libreoffice-impress-nogui|the text of old PowerPoint files (.ppt)"
    "bubblewrap|the text of all of these, outside of containers: LibreOffice runs only inside it"
)

main() {
    local mode=install
    case "${1:-}" in
        --demo | --test) mode=${1#--} && shift ;;
        "") ;;
        *) usage ;;
    esac
    [[ $mode != install || $# -eq 0 ]] || usage
    cd "$root"
    { mkdir -p build && : >>build/install.lock; } 2>/dev/null ||
        fail "cannot write in $root/build; put the checkout where you may write"
    trap 'stop_step; exit 130' INT
    trap 'stop_step; exit 143' TERM HUP
    exec 9>build/install.lock
    set_up "$mode"
    exec 9>&-
    "run_$mode" "$@"
}

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
}

# --- the environment ------------------------------------------------------------------------------------

set_up() {
    local mode=$1 python stamp
    flock --nonblock 9 || { say "another install is at work here; waiting for it" && flock 9; }
    python=$(find_python) || python=
    stamp=$(stamp_for "$mode" "$python")
    [[ -n $python && -f $stamp && ! -e $unfinished ]] && return
    : >"$log"
    say "setting up Strongroom in $venv (details: $log)"
    [[ $mode != test ]] || packages+=("${test_packages[@]}" "${office_packages[@]}")
    debian_packages "$python"
    python=$(find_python) || no_python
    stamp=$(stamp_for "$mode" "$python") # what can be built may have changed
    fill_environment "$mode" "$python"
    touch "$stamp"
    rm "$unfinished"
}

# The first Python that fits and can make environments; a pyenv shim may stand on PATH and not run.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
            2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# The stamp's name says everything that the environment was made from: a stamp that is there fits.
stamp_for() {
    local mode=$1 python=$2 key
    [[ -n $python ]] || return 0
    key=$({
        cat pyproject.toml requirements.lock
        identity "$python"
        can_build_llama && echo llama
    } | sha256sum | cut -c1-16)
    if [[ $mode == test || -f $venv/stamp-test-$key ]]; then # made for the tests, it serves a plain run too
        echo "$venv/stamp-test-$key"
    else
        echo "$venv/stamp-run-$key"
    fi
}

# A virtual environment belongs to one Python and one path; another of either needs a new one.
identity() {
    "$1" -c 'import sys; print(sys.executable, sys.version, sys.argv[1])' "$venv"
}

can_build_llama() {
    command -v g++ || command -v clang++
} >/dev/null

fill_environment() {
    local mode=$1 python=$2 usable=
    [[ -e $unfinished || $(cat "$venv/made-for" 2>/dev/null) != "$(identity "$python")" ]] || usable=yes
    touch "$unfinished"
    rm -f "$venv"/stamp-*
    if [[ -z $usable ]]; then
        step "virtual environment" "$python" -m venv --clear "$venv"
        identity "$python" >"$venv/made-for"
    fi
    # torch goes first and alone: a plain range elsewhere in the tree would fetch another build of it.
    step "torch" pip_install "$(requirements run | grep '^torch==')"
    if can_build_llama; then
        step "llama.cpp (built from source the first time: some ten minutes on two cores)" \
            pip_install "$(requirements run | grep '^llama-cpp-python==')"
    fi
    requirements "$mode" | grep -v '^llama-cpp-python==' >build/requirements.txt
    step "libraries" pip_install -r build/requirements.txt
    # Editable: the checkout is what runs, in the command, in the tests and in every child process.
    step "strongroom" pip_install --no-deps --editable .
}

requirements() {
    "$venv/bin/python" - "$1" <<'PY'
import sys, tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extra = project["optional-dependencies"]["test"] if sys.argv[1] == "test" else []
print("\n".join(project["dependencies"] + extra))
PY
}

pip_install() {
    "$venv/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off \
        --constraint requirements.lock "$@"
}

# --- Debian packages --------------------------------------------------------------------------------------

# As root they are installed; otherwise the line to run is printed, and what is missing without it.
debian_packages() {
    local python=$1 entry missing=() losses=()
    command -v dpkg-query >/dev/null || return 0
    [[ -n $python ]] || { missing+=(python3 python3-venv) && losses+=("python3, python3-venv: everything"); }
    for entry in "${packages[@]}"; do
        is_installed "${entry%%|*}" && continue
        missing+=("${entry%%|*}")
        losses+=("${entry%%|*}: ${entry#*|}")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $EUID -eq 0 ]]; then
        step "Debian packages (${missing[*]})" apt_install "${missing[@]}" && return
    fi
    say "these Debian packages are not installed; without them is missing:"
    printf '    %s\n' "${losses[@]}"
    say "to have it all, run this line and then ./install.sh again:"
    say "    sudo apt-get install -y ${missing[*]}"
}

# What is left to choose.
name_office_packages() {
    local entry missing=()
    command -v dpkg-query >/dev/null || return 0
    for entry in "${office_packages[@]}"; do
        is_installed "${entry%%|*}" && continue
        missing+=("${entry%%|*}")
        say "optional: ${entry%%|*}: ${entry#*|}"
    done
    [[ ${#missing[@]} -eq 0 ]] ||
        say "    sudo apt-get install -y --no-install-recommends ${missing[*]}"
}

is_installed() {
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# The tests start a mail server of their own; the package must not leave one that runs and is seen from outside.
apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    if [[ " $* " == *" dovecot-imapd "* ]]; then
        mkdir -p /etc/systemd/system
        [[ -e /etc/systemd/system/dovecot.service ]] || ln -s /dev/null /etc/systemd/system/dovecot.service
        if [[ ! -e /usr/sbin/policy-rc.d ]]; then
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
            printf '#!/bin/sh\n[ "$1" != dovecot ] || exit 101\n' >/usr/sbin/policy-rc.d
            chmod +x /usr/sbin/policy-rc.d
        fi
    fi
    apt-get update -q || true # a stale list may still do
    apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

no_python() {
    fail "Python 3.11, 3.12 or 3.13 with its venv module is needed; nothing works without it. Run this line" \
        "and then ./install.sh again:
    sudo apt-get install -y python3 python3-venv"
}

# --- what comes after -------------------------------------------------------------------------------------

run_install() {
    local folder=/usr/local/bin
    [[ $EUID -eq 0 ]] || folder=$HOME/.local/bin
    mkdir -p "$folder"
    if [[ -e $folder/strongroom && $(readlink "$folder/strongroom") != "$venv/bin/strongroom" ]]; then
        fail "$folder/strongroom is there already and is not this one; move it away and run ./install.sh again"
    fi
    ln -sfn "$venv/bin/strongroom" "$folder/strongroom"
    say "installed: $folder/strongroom"
    [[ :$PATH: == *:$folder:* ]] || say "$folder is not on your PATH; add it, or call the command by its path"
    name_office_packages
    say "next: strongroom init"
}

run_demo() {
    exec "$venv/bin/python" -I -m appliance.demo "$@"
}

run_test() {
    local selection=(-m "not nightly")
    if [[ ${1:-} == --nightly ]]; then
        selection=()
        shift
    fi
    step "ruff check" "$venv/bin/ruff" check .
    step "ruff format" "$venv/bin/ruff" format --check .
    step "mypy --strict" "$venv/bin/mypy"
    step "import contracts" "$venv/bin/lint-imports"
    say "  pytest"
    exec "$venv/bin/python" -m pytest "${selection[@]}" "$@"
}

# --- telling ----------------------------------------------------------------------------------------------

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# Runs a command with its output in the log and tells how long it has been at it. It gets a process group of its own, so that stopping it stops the compilers below it too.
step() {
    local title=$1 from=$SECONDS ticked=0 output=$root/build/step.log status=0
    shift
    set -m
    "$@" >"$output" 2>&1 </dev/null &
    running=$!
    set +m
    while kill -0 "$running" 2>/dev/null; do
        tick "$title" $((SECONDS - from))
        sleep 0.2
    done
    wait "$running" || status=$?
    running=
    [[ ! -t 1 ]] || printf '\r\033[K'
    { echo "== $title"; cat "$output"; } >>"$log"
    if [[ $status -ne 0 ]]; then
        tail -n 40 "$output" >&2
        say "install.sh: $title failed after $((SECONDS - from)) s (exit $status); the full log is $log" >&2
        return "$status"
    fi
    say "  $title: $((SECONDS - from)) s"
}

# On a terminal a running clock; elsewhere one line every half minute.
tick() {
    if [[ -t 1 ]]; then
        printf '\r\033[K  %s … %d s' "$1" "$2"
    elif [[ $2 -gt 0 && $(($2 % 30)) -eq 0 && $2 -ne $ticked ]]; then
        say "  $1 … $2 s"
        ticked=$2
    fi
}

stop_step() {
    [[ -z $running ]] || kill -TERM -- "-$running" 2>/dev/null || true
}

main "$@"
