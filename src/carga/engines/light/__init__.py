"""Lightpanda over its DevTools protocol: one WebSocket through a Unix socket is one user."""
