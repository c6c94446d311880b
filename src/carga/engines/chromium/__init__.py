"""Chromium over its DevTools protocol, spoken through a pipe."""
