#!/bin/sh
# Test with the versions that Ubuntu 24.04's apt has of NumPy, OpenCV, matplotlib and the like:
# they lie in $VENV/apt, and come before those of $VENV.
set -eu
cd "$(dirname "$0")/.."
venv=$(pwd)/${VENV:-.venv}
python=$venv/bin/python
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "test-apt is left out: matplotlib 3.6.3 has no wheel for $("$python" --version), only for 3.11"
    exit 0
}
if [ requirements-apt.txt -nt "$venv/apt/.installed" ]; then
    echo "== installing the versions of Ubuntu 24.04 into ${VENV:-.venv}/apt"
    rm -rf "$venv/apt"
    "$python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
        --target "$venv/apt" -r requirements-apt.txt
    touch "$venv/apt/.installed"
fi
export PYTHONPATH="$venv/apt${PYTHONPATH:+:$PYTHONPATH}"
# left out: what uses none of them, and what is long and is of the training alone
exec "$python" -m pytest -n "${WORKERS:-2}" --dist loadfile --no-loadscope-reorder --disable-warnings test \
    --ignore=test/browser --ignore=test/docs --ignore=test/utils --ignore-glob='test/test_*.py' \
    --ignore=test/training/bench --ignore=test/training/scene
