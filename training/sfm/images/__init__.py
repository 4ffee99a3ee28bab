"""The images of walks before the search: orientation, camera, keyframes."""
