"""What else does the same work, as people write it or as it is sold. Called with `URL FILE`."""
