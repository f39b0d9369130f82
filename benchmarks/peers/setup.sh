#!/usr/bin/env bash
# Installs every peer, each into its own environment under .venvs, and says which of them answered a query.
set -uo pipefail

here=$(dirname "$0")
failed=()
for peer in crypten spu tfe; do
    echo "== $peer"
    bash "$here/$peer/setup.sh" || failed+=("$peer")
done
if ((${#failed[@]})); then
    echo "did not work: ${failed[*]} (see the messages above); the others can be measured"
    exit 1
fi
echo "all peers answer"
