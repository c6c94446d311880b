"""Where workers run. Places do not know each other; `supervisor` and `processes` serve all that start processes."""
