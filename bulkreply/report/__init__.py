"""What became of every row: `report.json`, `report.html`, `results.csv`, rejects in the source's own format."""

from bulkreply.report.results import Results, write_results, write_unknown
from bulkreply.report.summary import Report, summarise, write_report

__all__ = ["Report", "Results", "summarise", "write_report", "write_results", "write_unknown"]
