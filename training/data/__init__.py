"""Datasets, images, augmentation and batches for training."""
