"""Pictures of estimates for people: annotated images, matches, a map from above."""
