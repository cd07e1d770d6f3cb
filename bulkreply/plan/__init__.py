"""A job resolved against catalog, input and account. Printing it is the dry run."""

from bulkreply.plan.plan import Plan, make_plan, plan_as_words
from bulkreply.plan.target import Target, open_source, resolve_target

__all__ = ["Plan", "Target", "make_plan", "open_source", "plan_as_words", "resolve_target"]
