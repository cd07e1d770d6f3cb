"""The rate windows of one account, counted exactly, kept on disk, shared by every run on the machine."""

from bulkreply.quota.account import Quota
from bulkreply.quota.forecast import Forecast, Pause
from bulkreply.quota.limits import DEFAULT_LIMITS, Window, parse_limits
from bulkreply.quota.reached import Reached
from bulkreply.quota.waiting import Permit

__all__ = ["DEFAULT_LIMITS", "Forecast", "Pause", "Permit", "Quota", "Reached", "Window", "parse_limits"]
