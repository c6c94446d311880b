"""Runs users: a pure state machine and the asyncio shell around it."""
