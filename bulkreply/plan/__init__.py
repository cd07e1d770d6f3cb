"""A job resolved against catalog, input and account. Printing it is the dry run."""

from bulkreply.plan.plan import Plan, make_plan, plan_as_words
from bulkreply.plan.target import open_source, resolve_rules, resolve_target, uncreatable

__all__ = ["Plan", "make_plan", "open_source", "plan_as_words", "resolve_rules", "resolve_target", "uncreatable"]
