"""What `simulate` costs, in units of drawing its random numbers, and whether its memory stays put.

    python benchmarks/langevin.py

Double well, stochastic Heun with work and heat, 100 000 trajectories, one thread; the normals alone are drawn in blocks
of the same size in the same process, in turn with the runs, and the best of several rounds counts for both.
"""

import time
import tracemalloc

import numpy as np

from thermolib.landauer import DoubleWell, erasure_protocol
from thermolib.langevin import simulate

TRAJECTORIES, STEPS, BLOCK, ROUNDS = 100_000, 100, 8192, 5


def erase_for(steps: int, trajectories: int = TRAJECTORIES) -> None:
    duration = 1e-3 * steps
    simulate(DoubleWell(13.0, 0.5), erasure_protocol(duration), np.ones(trajectories), duration=duration, dt=1e-3, rng=1,
             threads=1)


def draw_normals() -> None:
    rng = np.random.default_rng(1)
    normals = np.empty(BLOCK)
    for _ in range(STEPS * TRAJECTORIES // BLOCK):
        rng.standard_normal(out=normals)


def seconds(task) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def peak_megabytes(steps: int) -> float:
    tracemalloc.start()
    erase_for(steps, trajectories=20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    rounds = [(seconds(lambda: erase_for(STEPS)), seconds(draw_normals)) for _ in range(ROUNDS)]
    nanoseconds = np.min(rounds, axis=0) / (STEPS * TRAJECTORIES) * 1e9
    print(f"simulate      {nanoseconds[0]:6.1f} ns per particle-step")
    print(f"normals alone {nanoseconds[1]:6.1f} ns per particle-step")
    print(f"ratio         {nanoseconds[0] / nanoseconds[1]:6.2f}   (target: at most 2.3)")
    for steps in (100, 1000):
        print(f"peak memory   {peak_megabytes(steps):6.2f} MB at {steps} steps of 20 000 trajectories")


if __name__ == "__main__":
    main()
