# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the time of several contenders that do the same work."""

import contextlib
import dataclasses
import time
from typing import Any, Callable, Dict, List

OURS = 'ours'
# This package without its native ops.
PORTABLE = 'ours, portable'
# This package, on points with weights.
WEIGHTED = 'ours, weighted'
# TensorFlow's matrix product of points and centers, a part of every step.
MATMUL = 'bare matmul'

# A round repeats the call of a contender for about this long. In a shorter
# time, the resolution of the clock and short disturbances would matter more.
_SECONDS_PER_ROUND = 0.2


@dataclasses.dataclass
class Contender:
  """An implementation to measure.

  Attributes:
    run: does the work once.
    facts: returns further results by name; called after all rounds.
    around: returns a context for all calls of a round.
  """

  run: Callable[[], Any]
  facts: Callable[[], Dict[str, Any]] = dict
  around: Callable[[], contextlib.AbstractContextManager] = (
      contextlib.nullcontext
  )


def measure(
    contenders: Dict[str, Contender], rounds: int, seconds: float
) -> Dict[str, List[float]]:
  """Runs contenders in turn, round after round.

  The speed of a machine changes with time, but little within a round. So
  compare contenders by the ratio of their times within a round.

  Args:
    contenders: the contenders by name.
    rounds: the number of rounds.
    seconds: no new round starts after this time, but at least three rounds run.

  Returns:
    For each contender, the seconds per call in each round.
  """
  repeats = {}
  for name, contender in contenders.items():
    with contender.around():
      contender.run()
      repeats[name] = max(1, round(_SECONDS_PER_ROUND / _time(contender.run)))

  names = list(contenders)
  measured = {name: [] for name in names}
  start = time.perf_counter()
  for i in range(rounds):
    if i >= 3 and time.perf_counter() - start > seconds:
      break
    # Rotate the order, so that no contender always runs first.
    for name in names[i % len(names) :] + names[: i % len(names)]:
      run = contenders[name].run
      with contenders[name].around():
        if repeats[name] > 1:
          # Warm up: caches and thread pools are in the state that the previous
          # contender left.
          run()
        measured[name].append(_time(run, repeats[name]))
  return measured


def _time(run, repeats=1) -> float:
  """Returns the seconds per call."""
  start = time.perf_counter()
  for _ in range(repeats):
    run()
  return (time.perf_counter() - start) / repeats
