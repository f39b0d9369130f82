#!/usr/bin/env bash
# Installs CrypTen 0.4.1 into a virtual environment of its own: setup.sh [DIRECTORY]
# Without its declared dependencies, one of which (sklearn) refuses to install; what the workloads need is listed here.
set -euo pipefail

here=$(dirname "$0")
venv=${1:-$here/../.venvs/crypten}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 omegaconf==2.4.0 pyyaml==6.0.4
"$venv/bin/pip" install --quiet --no-deps crypten==0.4.1
"$venv/bin/python" "$here/peer.py" <<<w1
