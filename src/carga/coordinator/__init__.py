"""Owns a run: hands out users, merges results, judges, serves the live page."""
