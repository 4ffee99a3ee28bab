"""Evaluation of many bags at once: one report by robot, day and place."""
