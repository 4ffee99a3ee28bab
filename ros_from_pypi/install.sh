#!/bin/sh
# Install what ROS ships and PyPI lacks into the environment of $PYTHON.
# Compiling the messages takes Python's headers. Where python3-dev is not installed they are
# taken out of Debian's package into a temporary folder, which needs no root.
set -eu
here=$(dirname "$0")
python=${PYTHON:?the Python of a virtual environment is expected}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
if [ ! -f "$headers/Python.h" ]; then
    package=libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-dev
    (cd "$work" && apt-get -qq download "$package" 2>/dev/null && dpkg-deb -x ./*.deb .) || {
        echo "error: Python's headers are missing." \
            "Install with: sudo apt-get install -y python3-dev" >&2
        exit 2
    }
    headers=$work$headers
    export CPATH="$headers:$work/usr/include"
    export CMAKE_ARGS="-DPython3_INCLUDE_DIR=$headers -DPython_INCLUDE_DIR=$headers"
fi
cp -r "$here" "$work/packages"  # builds leave files behind: keep them out of the source tree
if [ "${ROS_FROM_PYPI:-jazzy}" = kilted ]; then  # what differs between the distributions' wheels
    sed -i -e 's/\(ros-jazzy[a-z-]*\)==[0-9.]*/\1/' \
        -e 's/ros-jazzy-fastrtps-cmake-module/ros-kilted-ament-cmake-ros-core/' \
        -e 's/ros-jazzy-python-cmake-module/ros-python-cmake-module/' \
        -e 's/ros-jazzy/ros-kilted/g' "$work"/packages/*/pyproject.toml
fi
for package in "$work"/packages/*/; do
    "$python" -m pip install --quiet --quiet --disable-pip-version-check "$package"
done
