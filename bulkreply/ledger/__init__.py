"""The SQLite file of a run: intents, outcomes, checkpoint."""

from bulkreply.ledger.ledger import Entry, Ledger, State

__all__ = ["Entry", "Ledger", "State"]
