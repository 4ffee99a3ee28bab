"""
Relocalise a camera with PoseNet: a NumPy core, a ROS 2 node and an evaluator.

Importing this package imports neither ROS nor a deep-learning framework.
"""

__version__ = '0.1.0'
