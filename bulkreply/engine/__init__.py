"""Runs a plan: intent, act, outcome, checkpoint, for every batch, until every row is accounted for."""

from bulkreply.engine.comparing import compare
from bulkreply.engine.engine import Engine
from bulkreply.engine.identities import Identities
from bulkreply.engine.recording import Progress, Recorder, Rules

__all__ = ["Engine", "Identities", "Progress", "Recorder", "Rules", "compare"]
