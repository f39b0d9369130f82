#!/usr/bin/env bash
# Installs TF Encrypted 0.9.1 into a virtual environment of its own: setup.sh [DIRECTORY]
# Its compiled operations, the secure random numbers among them, load in TensorFlow 2.9.1 alone, which has no wheels
# beyond Python 3.10; protobuf, numpy and onnx are the newest that it works with.
set -euo pipefail

here=$(dirname "$0")
venv=${1:-$here/../.venvs/tfe}
python=$(bash "$here/../python.sh" 3.10)
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet tensorflow-cpu==2.9.1 numpy==1.26.4 protobuf==3.19.6 onnx==1.12.0 \
    pyyaml==6.0.4 requests==2.34.2 setuptools==65.5.0
"$venv/bin/pip" install --quiet --no-deps tf2onnx==1.13.0 tf_encrypted==0.9.1
"$venv/bin/python" "$here/peer.py" <<<w1
