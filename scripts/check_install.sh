#!/usr/bin/env bash
# Build the sdist and the wheel, install each into a fresh environment outside the clone, and check it there.
# The packages stay in the folder that DIST names, if it is set.
set -euo pipefail
cd "$(dirname "$0")/.."
clone=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dist=${DIST:-$work/dist}
pip=(-m pip install --quiet --disable-pip-version-check)

python3 -m venv "$work/build"
"$work/build/bin/python" "${pip[@]}" build
# `build` makes the wheel from the sdist, which shows that the sdist has all sources.
"$work/build/bin/python" -m build --outdir "$dist" > "$work/log" || { cat "$work/log"; exit 1; }
dist=$(realpath "$dist")
ls "$dist"

check() { # a name of an environment and a package with options of pip
    echo "installing $(basename "$2")"
    "$work/$1/bin/python" "${pip[@]}" -c "$clone/constraints.txt" "${@:2}"
    (cd "$work" && "$1/bin/python" "$clone/scripts/check_install.py")
}

python3 -m venv "$work/wheel"
check wheel "$(ls "$dist"/charlm_rnn-*.whl)"
# Installing torch again would take minutes. The second environment reads the dependencies of the first.
python3 -m venv "$work/sdist"
packages() { "$work/$1/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))"; }
packages wheel > "$(packages sdist)/dependencies.pth"
check sdist "$(ls "$dist"/charlm_rnn-*.tar.gz)" --no-deps --ignore-installed
