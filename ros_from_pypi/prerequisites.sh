#!/bin/sh
# Check what pip cannot install; print the one line that installs what is missing.
set -u
missing=''
python=${PYTHON:-python3}
has() { command -v "$1" >/dev/null 2>&1; }

has "$python" || missing="$missing python3"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
has gcc || missing="$missing gcc"
has g++ || missing="$missing g++"
if [ -n "$missing" ]; then
    echo "error: missing:$missing. Install with: sudo apt-get install -y$missing" >&2
    exit 2
fi
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
    echo "error: Python 3.11 to 3.13 is expected. Received: $("$python" --version)." \
        "Name another one: make PYTHON=python3.12 ..." >&2
    exit 2
}
[ "$(uname -m)" = x86_64 ] || {
    echo "error: PyPI has ROS 2 for x86_64 only. Received: $(uname -m)." \
        "Install ROS 2 and build with colcon: see README.md" >&2
    exit 2
}
