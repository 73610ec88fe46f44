"""How many threads share the steps of one network: measured meanwhile, since no number depends on
it. Where other programs have the cores, threads that wait for one another are slower than one."""

# What is shorter says nothing: the threads begin with each call.
LEAST_SECONDS = 0.002

# So many calls are made with what was the fastest before its neighbours are tried again.
CALLS_BETWEEN = 32


class ThreadChoice:
    """Which of 1, 2, 4, …, `most` threads is the fastest now; with `asked`, so many."""

    def __init__(self, most: int, asked: int | None = None) -> None:
        doubled = [1]
        while 2 * doubled[-1] < most:
            doubled.append(2 * doubled[-1])
        self._candidates = sorted({*doubled, most}) if asked is None else [asked]
        self._seconds: dict[int, float] = {}
        self._untried = self._candidates[1:]
        self._calls = 0
        # Of the first calls, whose pace nobody knows: a training may be a single long one.
        self._first_steps = 1
        self.best = self._candidates[0]

    def next_call(self, steps: int) -> tuple[int, int]:
        """How many threads take the next steps, and how many steps, of so many at most."""
        pace = self._seconds.get(self.best)
        if not self._untried:
            return self.best, steps
        if pace is None:
            few, self._first_steps = self._first_steps, 2 * self._first_steps
            return self.best, min(steps, few)
        return self._untried[0], max(1, min(steps, int(LEAST_SECONDS / pace)))

    def note(self, threads: int, steps: int, seconds: float) -> None:
        """What a call took."""
        is_trial = threads in self._untried
        if len(self._candidates) == 1 or (seconds < LEAST_SECONDS / 2 and not is_trial):
            return
        self._seconds[threads] = seconds / steps
        self.best = min(self._seconds, key=self._seconds.__getitem__)
        if is_trial:
            self._untried.remove(threads)
            return
        self._calls += 1
        if self._calls % CALLS_BETWEEN == 0:
            place = self._candidates.index(self.best)
            beside = self._candidates[max(place - 1, 0) : place + 2]
            self._untried = [one for one in beside if one != self.best]
