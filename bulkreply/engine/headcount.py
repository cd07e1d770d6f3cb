"""How many people a run reaches: counted by record before they are, against the caps of its job."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from bulkreply.batching import Batch
from bulkreply.errors import RunPaused, UsageProblem
from bulkreply.job import Job
from bulkreply.outcomes import Outcome
from bulkreply.quota import Reached
from bulkreply.wire.answer import Settled

_NOT_REACHED = (Outcome.REJECTED, Outcome.UNCHANGED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Caps:
    """Whom a run may make Reply write to.

    Attributes:
        per_run: People that one execution may reach, None for any number.
        per_day: People that all runs of the account together may reach in a UTC day, None for any number.
        everybody: Whether those who must not be written to are not left out.
    """

    per_run: int | None = None
    per_day: int | None = None
    everybody: bool = False


NO_CAPS = Caps()


def caps_of(job: Job) -> Caps:
    """What a job says of it."""
    return Caps(job.sending.per_run, job.sending.per_day, job.policy.do_not_contact == "send")


class Headcount:
    """The people of one execution. A record that goes again, because its call was refused or lost, is counted once."""

    def __init__(self, caps: Caps, reached: Reached) -> None:
        self._caps = caps
        self._reached = reached
        self._counted: dict[int, tuple[str, int]] = {}
        self._this_run = 0

    @property
    def counted(self) -> Container[int]:
        """Positions that are counted, and of which it is not known that they were not reached."""
        return self._counted

    def turn(self, batch: Batch) -> None:
        """Called when a call is about to leave: a day that began while it waited counts it anew.

        Raises:
            RunPaused: The new day has no room for it.
        """
        if not self._counted:
            return
        day = self._reached.day
        people = [self._counted.get(at, (day, 0)) for at in batch.positions]
        if any(counted != day for counted, _ in people):
            self.back(batch)
            if self.take(batch, [one for _, one in people]) < len(batch):
                self.back(batch)
                raise self._day_is_full()

    def told(self, batch: Batch, settled: Settled) -> None:
        """What became of records that were sent: who was not reached after all does not count."""
        if not self._counted:
            return
        self.back(batch.only([i for i, code in enumerate(settled.outcomes) if Outcome(code) in _NOT_REACHED]))
        for at in batch.positions:
            self._counted.pop(at, None)

    def back(self, batch: Batch) -> None:
        """Takes back the count of records that were not sent."""
        days: dict[str, int] = {}
        for at in batch.positions:
            if at in self._counted:
                day, people = self._counted.pop(at)
                days[day] = days.get(day, 0) + people
        for day, people in days.items():
            self._this_run -= people
            self._reached.give_back(day, people)

    def take(self, batch: Batch, people: Sequence[int]) -> int:
        """Counts as many records as may be sent; how many.

        Raises:
            RunPaused: None may.
            UsageProblem: The first alone is more than is ever allowed.
        """
        caps, total, fits = self._caps, self._this_run, 0
        for one in people:
            if caps.per_run is not None and total + one > caps.per_run:
                break
            total, fits = total + one, fits + 1
        day = self._reached.day
        fits = min(fits, self._reached.take(people[:fits], caps.per_day))
        self._this_run += sum(people[:fits])
        self._counted |= {at: (day, one) for at, one in zip(batch.positions, people[:fits], strict=False) if one}
        if not fits:
            self._refuse(people[0])
        return fits

    def _refuse(self, people: int) -> None:
        caps, used = self._caps, self._this_run
        for name, most in (("per_run", caps.per_run), ("per_day", caps.per_day)):
            if most is not None and people > most:
                words = f"one row alone reaches {people:,} people, sending.{name} of the job allows {most:,}"
                raise UsageProblem(words, hint=f"raise sending.{name}, and run it with --accept-changed-input")
        if caps.per_run is not None and used + people > caps.per_run:
            words = f"{used:,} people were reached, sending.per_run of the job allows {caps.per_run:,}"
            hint = "when it looks right, resume it: each time so many people are reached"
            raise RunPaused(words, hint=hint, resume_at=self._reached.tomorrow_s)
        raise self._day_is_full()

    def _day_is_full(self) -> RunPaused:
        words = f"sending.per_day of the job allows {self._caps.per_day:,} people, and today they were reached"
        return RunPaused(words, hint="resume it tomorrow (UTC)", resume_at=self._reached.tomorrow_s)
