"""What the user wants, as written in YAML."""

from bulkreply.job.model import Job, Policy
from bulkreply.job.read import read_job

__all__ = ["Job", "Policy", "read_job"]
