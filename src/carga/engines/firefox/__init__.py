"""Drives Firefox over WebDriver BiDi, many users a browser."""
