"""The JavaScript that runs inside the user's page, and what loads it."""
