#!/usr/bin/env bash
# Prints a Python interpreter of the first of these versions that is found: python.sh VERSION...
# Looks at $PYTHON, at PATH, and where pyenv keeps its versions.
set -uo pipefail

for version in "$@"; do
    for python in "${PYTHON:-python3}" "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
        if [[ $found == "$version" ]]; then
            echo "$python"
            exit
        fi
    done
done
echo "needs one of Python $*: set PYTHON to it" >&2
exit 1
