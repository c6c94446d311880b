"""The messages between worker and coordinator, and what a coordinator tells a live page."""
