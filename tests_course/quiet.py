"""How long something would have taken if nothing else had been running."""

import threading
import time

import psutil


def _busy() -> float:
    """Seconds that the processors have worked, since the machine was started."""
    times = psutil.cpu_times()
    return sum(times[:len(times)]) - times.idle - getattr(times, "iowait", 0.0)


class Stopwatch:
    """Measures `seconds` of wall clock, less the share that went to processes which are not ours.

    With two processors, of which others took one, 10 s count as 5 s.
    """

    def __enter__(self) -> "Stopwatch":
        self._ours, self._over = {}, threading.Event()
        self._look()
        self._before = sum(self._ours.values())
        self._started, self._busy = time.monotonic(), _busy()
        self._watch = threading.Thread(target=self._keep_looking)
        self._watch.start()
        return self

    def _look(self) -> None:
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            try:
                times = process.cpu_times()
                self._ours[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                pass

    def _keep_looking(self) -> None:
        while not self._over.wait(0.2):
            self._look()

    def __exit__(self, *error) -> None:
        self._over.set()
        self._watch.join()
        self._look()
        wall = time.monotonic() - self._started
        ours = sum(self._ours.values()) - self._before
        others = max(0.0, _busy() - self._busy - ours)
        self.seconds = wall * max(0.0, 1 - others / (psutil.cpu_count() * wall))
