"""Drives WebKitGTK: WebKitWebDriver and MiniBrowser under Xvfb, one of each a user."""
