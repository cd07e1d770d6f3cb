"""What travels: records as JSON, calls, answers, pages, the table of verdicts. No clock, disk or network here."""
