"""The files of bags, as they are found on disks."""
