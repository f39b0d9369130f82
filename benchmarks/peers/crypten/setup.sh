#!/usr/bin/env bash
# Installs CrypTen 0.4.1 into a virtual environment of its own: setup.sh [DIRECTORY]
# Without its declared dependencies, one of which (sklearn) refuses to install; what a query needs is listed here.
set -euo pipefail

venv=${1:-$(dirname "$0")/../.venvs/crypten}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet torch==2.13.0 'numpy>=1.26' 'omegaconf>=2.0.6' 'pyyaml>=5.3.1'
"$venv/bin/pip" install --quiet --no-deps crypten==0.4.1
"$venv/bin/python" "$(dirname "$0")/seed_cnn.py" <<<'query 1'
