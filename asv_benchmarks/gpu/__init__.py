"""Measurements on a GPU, predictions of what a GPU takes, and the records of both."""
