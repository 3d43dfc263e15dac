#!/usr/bin/env bash
# Sets this folder up: Python environment, browser libraries, models. Nothing outside it but the model store
# (ANJU_MODELS_DIR, else ~/.cache/anju/models), no system package. What is done already is not done again.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer: apt-get install python3 python3-venv, or set PYTHON"
}

stamp_of() { cat "$@" | sha256sum | cut -d' ' -f1; }

set_up_python() {
  local stamp wanted python
  stamp=.venv/anju-stamp
  wanted=$(stamp_of requirements.lock scripts/installer.lock pyproject.toml)
  if [ -x .venv/bin/anju ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then return; fi
  python=$(find_python)
  say "Python environment in .venv (about 100 packages)"
  if [ ! -x .venv/bin/python ]; then
    # Debian keeps ensurepip in a package of its own; the pip outside can serve an environment as well.
    "$python" -m venv .venv 2>/dev/null || "$python" -m venv --without-pip --clear .venv
  fi
  local pip=(.venv/bin/python -m pip)
  if ! "${pip[@]}" --version >/dev/null 2>&1; then
    "$python" -m pip --version >/dev/null 2>&1 || fail "neither python3-venv nor pip: apt-get install python3-venv"
    pip=("$python" -m pip --python .venv/bin/python)
  fi
  "${pip[@]}" install --quiet --disable-pip-version-check --require-hashes -r scripts/installer.lock
  local uv=(.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps)
  "${uv[@]}" --require-hashes -r requirements.lock
  "${uv[@]}" --no-build-isolation --editable .
  echo "$wanted" >$stamp
}

set_up_pages() {
  local stamp wanted
  stamp=api/pages/static/vendor/.stamp
  wanted=$(stamp_of package.json package-lock.json)
  if [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then return; fi
  command -v npm >/dev/null || fail "no npm: apt-get install npm, or Node 20 from elsewhere"
  say "Browser libraries"
  npm ci --ignore-scripts --no-audit --no-fund --silent
  npm run --silent vendor
  echo "$wanted" >$stamp
}

set_up_models() {
  local names=(yunet sface clp-rec)  # the others come with Anju
  local store=${ANJU_MODELS_DIR:-$HOME/.cache/anju/models}
  local stamp=.venv/anju-models-stamp
  local wanted="${names[*]} $store $(stamp_of models/manifest.toml)"
  if [ -d "$store" ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then return; fi
  say "Models (about 50 MB)"
  .venv/bin/anju models fetch "${names[@]}"
  echo "$wanted" >$stamp
}

set_up_python
set_up_pages
set_up_models
