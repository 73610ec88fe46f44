"""The tutorial's experiments, exercises and their marks, reports."""
