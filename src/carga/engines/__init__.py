"""One package per browser engine behind the protocol in `engine.py`, and a fake one."""
