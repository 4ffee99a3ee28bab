"""What a model's answers are worth, measured against a ground truth."""
