"""A participant without a browser: for monitoring, the practice room and tests. Its frames are sealed like any other's."""
