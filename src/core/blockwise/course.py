"""Which tiles are looked at, and decided, until every tile is sure of its objects."""

from dataclasses import dataclass, field

from core.blockwise.config import MOST_REACH
from core.blockwise.plan import Plan
from core.blockwise.schedule import Job, Workers
from core.blockwise.store import Store
from core.blockwise.work import Post, Summary, decide, find, summary
from core.errors import listed
from core.heads import base
from core.progress import Progress

MORE = 1.25
"""By how much more than the largest object is thought to go beyond its point, once one is found that is too large."""

MOST_PLACES = 20
"""Places of objects that are told of."""


@dataclass(eq=False)
class Course:
    """Finding and deciding, until every tile is sure of its objects.

    Two things can be in the way. Whether an object is one may depend on what lies farther around the tile than was
    looked: then more is looked at, all of which is recorded already. Or an object is larger than objects were thought
    to be, so that tiles beside it left out what they should not have: then these are looked at again.

    Parameters
    ----------
    reach : how far objects of other tiles are thought to go where a tile is looked at; of tiles that differ, and of
        those that were looked at.
    around : how far around a tile is looked to decide it; likewise.
    """

    store: Store
    plan: Plan
    post: Post
    reach: dict[int, float] = field(default_factory=dict)
    around: dict[int, int] = field(default_factory=dict)

    def run(self, workers: Workers, progress: Progress) -> tuple[list[Summary], list[str]]:
        """The summaries of all tiles, and warnings about objects that were too large to be sure of."""
        tiles = range(len(self.plan.tiles))
        done = {}
        for tile in tiles:
            progress.check()
            if self.store.has("decide", tile):
                done[tile] = summary(self.plan, self.store.load("decide", tile))
            if self.store.has("find", tile):
                self.reach[tile] = float(self.store.load("find", tile, "reach")["reach"])
        self.around = {tile: one.around for tile, one in done.items()}
        part = progress.part(0.0, 0.9)
        while True:
            for tile in self._doubts(done, progress):
                done.pop(tile)
            if len(done) == len(tiles):
                break
            jobs = self._jobs([tile for tile in tiles if tile not in done])
            results, part = workers.do(jobs, part, "Segmenting: step"), progress.part(0.9, 1.0)
            done |= {int(name.split()[1]): result for name, result in results.items() if name.startswith("decide")}
        return [done[tile] for tile in tiles], self._warnings(list(done.values()))

    def _jobs(self, tiles: list[int]) -> dict[str, Job]:
        """What is to be done so that some tiles are decided."""
        jobs: dict[str, Job] = {}
        for tile in tiles:
            around = self.around.setdefault(tile, self._first_look())
            needed = self.plan.around(tile, around)
            for other in needed:
                if f"find {other}" not in jobs and not self.store.has("find", other):
                    reach = self.reach.setdefault(other, self.plan.reach)
                    jobs[f"find {other}"] = Job(find, (self.post, other, reach))
            after = tuple(name for other in needed if (name := f"find {other}") in jobs)
            jobs[f"decide {tile}"] = Job(decide, (self.post, tile, around), after)
        return jobs

    def _first_look(self) -> int:
        return int(2 * self.plan.reach * self.plan.scale / self.plan.grid) + 1

    def _doubts(self, done: dict[int, Summary], progress: Progress) -> list[int]:
        """The tiles that must be decided again, their records removed."""
        again = set()
        for tile, one in done.items():
            progress.check()
            if one.unsure and one.around < base.LARGEST and any(self.plan.window(tile, one.around).inner):
                self.around[tile] = min(2 * one.around, base.LARGEST)
                again.add(tile)
            if one.radius > self.plan.reach:
                again |= self._look_again(tile, one, done)
        for tile in again:
            self.store.drop("decide", tile)
        return sorted(again)

    def _look_again(self, tile: int, one: Summary, done: dict[int, Summary]) -> set[int]:
        """Let tiles that a large object comes near to be looked at with its size in mind."""
        wanted = min(MORE * one.radius, MOST_REACH)
        near = int(one.radius * self.plan.scale / self.plan.grid) + 1
        changed = [
            other
            for other in self.plan.around(tile, near)
            if self.reach.get(other, self.plan.reach) < min(one.radius, MOST_REACH)
        ]
        farthest = max(one.around for one in done.values())
        again = {
            decided
            for other in changed
            for decided in self.plan.around(other, farthest)
            if decided in done and other in self.plan.around(decided, done[decided].around)
        }
        for decided in again:
            self.store.drop("decide", decided)
        for other in changed:
            self.reach[other] = wanted
            self.store.drop("find", other)
        return again

    def _warnings(self, summaries: list[Summary]) -> list[str]:
        places = [point for one in summaries for point in one.unsure]
        places += [one.farthest for one in summaries if one.radius > MOST_REACH]
        if not places:
            return []
        named = listed([f"x {x}, y {y}" for y, x in places], MOST_PLACES, "; ")
        return [f"Objects are too large to be seen whole, and may be cut at the borders of tiles: {named}."]
