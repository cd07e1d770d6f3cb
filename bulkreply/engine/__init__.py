"""Runs a plan: intent, act, outcome, checkpoint, for every batch, until every row is accounted for."""

from bulkreply.engine.comparing import compare
from bulkreply.engine.engine import Engine
from bulkreply.engine.headcount import Caps, caps_of
from bulkreply.engine.identities import Identities
from bulkreply.engine.recording import Progress, Recorder, Rules, check_budget

__all__ = ["Caps", "Engine", "Identities", "Progress", "Recorder", "Rules", "caps_of", "check_budget", "compare"]
