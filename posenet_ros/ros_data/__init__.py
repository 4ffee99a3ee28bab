"""ROS messages and bags, without ROS."""
