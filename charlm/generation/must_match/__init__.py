"""Restrict generation to the texts that a regular expression matches."""
