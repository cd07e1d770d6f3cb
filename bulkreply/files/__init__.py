"""Files as tables: every format read as text with true row numbers, and rejects written back in kind."""
