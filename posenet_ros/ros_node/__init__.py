"""The parts of the ROS node; no other folder imports rclpy."""
