"""What else does the same work: each a small program, as people write it or as it is sold. `URL FILE` and what it needs."""
