#!/usr/bin/env bash
# Build the sdist and the wheel, install each into a fresh environment outside the clone, and check it there.
# The packages stay in the folder that DIST names, if it is set.
set -euo pipefail
cd "$(dirname "$0")/.."
clone=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dist=${DIST:-$work/dist}

python3 -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet --disable-pip-version-check build
# The wheel is built from the sdist, which shows that the sdist is complete.
"$work/build/bin/python" -m build --outdir "$dist" > "$work/log" || { cat "$work/log"; exit 1; }
ls "$dist"

for package in "$(realpath "$dist")"/charlm*; do
    echo "installing $(basename "$package")"
    rm -rf "$work/fresh"
    python3 -m venv "$work/fresh"
    "$work/fresh/bin/python" -m pip install --quiet --disable-pip-version-check -c "$clone/constraints.txt" "$package"
    (cd "$work" && fresh/bin/python "$clone/scripts/check_install.py")
done
