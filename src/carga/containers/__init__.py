"""Containers of the Docker engine: its command with time limits, who owns what, and what is left to remove."""
