#!/usr/bin/env bash
# Installs SecretFlow SPU 0.9.5 into a virtual environment of its own: setup.sh [DIRECTORY]
# Its wheels are for Python 3.11 and 3.10 alone, and jax above 0.4.34 lacks parts that it patches.
set -euo pipefail

here=$(dirname "$0")
venv=${1:-$here/../.venvs/spu}
python=$(bash "$here/../python.sh" 3.11 3.10)
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet spu==0.9.5 jax==0.4.34 jaxlib==0.4.34 numpy==1.26.4 cachetools==8.0.2
"$venv/bin/python" "$here/peer.py" <<<w1
