"""The node's parts; nothing else imports rclpy."""
