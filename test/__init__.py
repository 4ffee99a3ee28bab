"""Tests of posenet_ros."""
