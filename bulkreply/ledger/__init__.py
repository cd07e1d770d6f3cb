"""The SQLite file of a run: intents, outcomes, checkpoint."""

from bulkreply.ledger.ledger import Ledger
from bulkreply.ledger.survey import Entry, State

__all__ = ["Entry", "Ledger", "State"]
