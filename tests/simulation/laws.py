"""What must be true of every schedule, whatever went wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bulkreply.outcomes import Outcome
from tests.laws.simulated import EPOCH_S, most_in_any
from tests.simulation.world import World

MADE = {Outcome.CREATED, Outcome.UPDATED, Outcome.DELETED, Outcome.CALLED}
REPEATED = {Outcome.SKIPPED, Outcome.UPDATED, Outcome.UNCHANGED}


def violations(world: World) -> list[str]:
    """Every law that a schedule broke, in words."""
    return [*world.wrong, *_of_rows(world), *_of_quota(world), *_of_people(world)]


def _of_people(world: World) -> Iterator[str]:
    caps, reached = world.schedule.caps, world.server.reached
    days = Counter(int((EPOCH_S + at_s) // 86_400) for at_s, _ in reached)
    for people, most in ((days, caps.per_day), (Counter(life for _, life in reached), caps.per_run)):
        if most is not None and max(people.values(), default=0) > most:
            yield f"{max(people.values())} people were written to, where the job allows {most}"


def _of_quota(world: World) -> Iterator[str]:
    for window in world.windows:
        most = most_in_any(world.server.stamps_s, window.period_s)
        if most > window.limit or world.server.over:
            yield f"{most} requests in a window of {window}, and {world.server.over} too many"


def _of_rows(world: World) -> Iterator[str]:
    schedule, effects = world.schedule, world.server.effects
    story, resends = schedule.story, world.policy == "resend"
    wanted = Counter(story.key(i) for i in range(schedule.rows))
    for i, outcome in enumerate(map(Outcome, world.outcomes)):
        key = story.key(i)
        words = f"row {i} is {outcome.word}, with {effects[key]} effects at Reply"
        if outcome is Outcome.NOT_ATTEMPTED:
            yield f"{words}: it was lost"
        elif outcome is Outcome.UNKNOWN:
            yield from _of_unknown(world, key, words)
        elif story.bad(i):
            if outcome is not Outcome.REJECTED or effects[key]:
                yield f"{words}: Reply refuses it"
        elif story.shuns(i):
            if outcome is not Outcome.SKIPPED or effects[key]:
                yield f"{words}: nobody may write to them"
        elif resends and outcome in REPEATED and wanted[key] <= effects[key]:
            pass  # what was sent again finds what the lost one did
        elif outcome not in story.expected(i):
            yield f"{words}: expected {' or '.join(one.word for one in story.expected(i))}"
        elif not story.holds(world.server, i):
            yield f"{words}: Reply does not hold it"
        most = wanted[key] if story.once and not (story.keyed and resends) else 1_000
        if effects[key] > most:
            yield f"{words}: at most {most} may be"
        least = 0 if outcome not in MADE or story.same(i) else wanted[key]
        if effects[key] < least and not _any_unknown(world, key):
            yield f"{words}: {least} were wanted"


def _any_unknown(world: World, key: str) -> bool:
    story = world.schedule.story
    return any(o == Outcome.UNKNOWN and story.key(i) == key for i, o in enumerate(world.outcomes))


def _of_unknown(world: World, key: str, words: str) -> Iterator[str]:
    doubts, story, rows = world.network.doubtful[key], world.schedule.story, world.schedule.rows
    if world.server.jobs and any(story.bad(i) for i in range(rows) if story.key(i) == key):
        return  # what a background job refused, nobody is told
    if not doubts:
        yield f"{words}: nobody lost anything of it"
    elif world.policy == "verify" and story.readable and doubts < world.rules.attempts:
        yield f"{words}: Reply could have been read"
