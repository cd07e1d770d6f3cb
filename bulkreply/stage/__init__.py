"""The staging area of a run: every valid record, rendered and numbered before the first call is sent."""

from bulkreply.stage.duplicates import Verdicts
from bulkreply.stage.stage import Part, Stage
from bulkreply.stage.writer import StageWriter

__all__ = ["Part", "Stage", "StageWriter", "Verdicts"]
