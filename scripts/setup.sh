#!/usr/bin/env bash
# Makes .venv with carga and its development tools in it. Safe to run again: does nothing while pyproject.toml is unchanged.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.carga-setup
want=$(sha256sum pyproject.toml | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && "$venv/bin/python" -c 'import carga' 2>/dev/null; then
    exit 0
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "carga needs Python 3.11 or newer, and '$python' is not. Install it, or say PYTHON=/path/to/python3.11 make …" >&2
    exit 2
}

make_venv() {
    rm -rf "$venv"
    "$python" -m venv "$venv" >/dev/null 2>&1
}
# Debian keeps ensurepip in a package of its own, so a bare python3 cannot make a virtual environment.
if [ ! -x "$venv/bin/python" ] && ! make_venv; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv" >&2
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
        make_venv
    elif command -v uv >/dev/null; then
        uv venv --seed --quiet "$venv"
    else
        echo "python3 -m venv does not work here. Install it (Debian, Ubuntu: sudo apt-get install python3-venv), then say make again." >&2
        exit 2
    fi
fi

echo "installing carga and its development tools into $venv" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --editable '.[dev,light]'
echo "$want" > "$stamp"
