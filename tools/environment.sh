#!/usr/bin/env bash
# Makes or updates the virtual environment that the Makefile's targets run in.
#
#   tools/environment.sh PYTHON FOLDER
#
# In: a Python 3.10 to 3.13 and where the environment goes. Out: an environment with patdsl (editable) and its
# `dev` extra. Where PYTHON already has a torch (a ROCm or CUDA build, say), the environment uses that one and
# never installs another; else it gets the one that constraints.txt names.
set -euo pipefail
python=$1
venv=$2
cd "$(dirname "$0")/.."

fail() {
  printf 'patdsl: %s\n' "$1" >&2
  exit 1
}

command -v "$python" >/dev/null || fail "there is no $python; give one with: make PYTHON=/path/to/python3.12 ..."
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' ||
  fail "$("$python" --version) is not supported; give a Python 3.10 to 3.13: make PYTHON=python3.12 ..."

if ! [ -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv" || fail "$python cannot make virtual environments (Debian and Ubuntu: install python3-venv)"
fi
if ! [ -x "$venv/bin/pip" ]; then
  fail "$venv is not complete; remove it and try again"
fi

# The outer torch is reached through a .pth file and not through --system-site-packages, which does not see the
# packages of PYTHON where PYTHON itself belongs to a virtual environment.
"$python" - "$venv" <<'PY'
import importlib.util
import sys
from pathlib import Path

venv = Path(sys.argv[1])
site = next(venv.glob("lib/python*/site-packages"))
link = site / "outer_torch.pth"
spec = importlib.util.find_spec("torch")
if spec is None or spec.origin is None or Path(sys.prefix).resolve() == venv.resolve():
    sys.exit()
home = str(Path(spec.origin).resolve().parents[1])
outer = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
link.write_text("".join(f"{path}\n" for path in dict.fromkeys([home, *outer])))
print(f"using the torch in {home}")
PY

pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
if "$venv/bin/python" -c 'import torch' 2>/dev/null; then
  # Whatever is installed next, this torch stays.
  constraints=$venv/torch.txt
  "$venv/bin/python" -c 'from importlib.metadata import version; print("torch==" + version("torch"))' >"$constraints"
else
  constraints=constraints.txt
  echo "installing $(grep '^torch' constraints.txt): this is the long part"
fi
"${pip[@]}" --constraint "$constraints" --editable '.[dev]'
"$venv/bin/python" -c 'import torch; print("environment ready: torch", torch.__version__)'
