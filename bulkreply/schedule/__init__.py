"""Jobs that run by themselves: when, what is due, and the process that sees to it."""

from bulkreply.schedule.clockwork import Clockwork, Ran
from bulkreply.schedule.cron import Cron
from bulkreply.schedule.store import Entry, Store, Timetable
from bulkreply.schedule.timetable import Schedule, Standing, due, next_s

__all__ = ["Clockwork", "Cron", "Entry", "Ran", "Schedule", "Standing", "Store", "Timetable", "due", "next_s"]
