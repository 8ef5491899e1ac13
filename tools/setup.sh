#!/usr/bin/env bash
# Makes .venv from requirements.lock, unless it is already made from this very lock, here.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
stamp=.venv/made-from
wanted="$(sha256sum requirements.lock pyproject.toml | sha256sum | cut -c1-64) $PWD"

[ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || exit 0

fail() {
  printf 'mains can not be set up: %s\n' "$1" >&2
  printf '  what to do: %s\n' "$2" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  fail "there is no '$python'" "install Python 3.11 or newer (Debian: apt install python3 python3-venv), or name one: PYTHON=/path/to/python make ..."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "'$python' is Python $version, and mains needs 3.11 or newer" "name a newer one: PYTHON=python3.12 make ..."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "'$python' has no venv and pip" "Debian and Ubuntu: apt install python3-venv python3-pip"

# A .venv of another folder or interpreter has scripts that point elsewhere: it is made anew.
home=$(sed -n 's/^[0-9a-f]* //p' "$stamp" 2>/dev/null || true)
if ! .venv/bin/python -c 'import pip' 2>/dev/null || { [ -n "$home" ] && [ "$home" != "$PWD" ]; }; then
  echo "setting up .venv with Python $version (a minute or two, once)"
  "$python" -m venv --clear .venv
fi
rm -f "$stamp"
# Twice quiet: mirrors without a package are no news, errors still show.
pip=(.venv/bin/python -m pip install -qq --disable-pip-version-check)
# The lock names everything, so nothing is left to resolve: older pips look past it for what has extras.
"${pip[@]}" --no-deps --require-hashes --requirement requirements.lock
"${pip[@]}" --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >"$stamp"
