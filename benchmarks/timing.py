# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Time that several ways to do one piece of work take."""

import contextlib
import dataclasses
import time
from typing import Any, Callable, Dict, List

OURS = 'ours'
# Ours without the library of native ops.
PORTABLE = 'ours, portable'
# Ours, on points with weights.
WEIGHTED = 'ours, weighted'
# TensorFlow's product of points and centers, which others build on.
MATMUL = 'bare matmul'

# Calls are repeated within a round until they take about this long, so that
# the clock and a single hiccup of the machine weigh little.
_SECONDS_PER_ROUND = 0.2


@dataclasses.dataclass
class Contender:
  """One way to do the work.

  Attributes:
    run: does it once.
    facts: returns what else is worth knowing, by name; called at the end.
    around: makes a context in which calls run, entered once for many.
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

  A machine's speed drifts; within a round all see about the same machine, so
  ratios are to be taken round by round.

  Args:
    contenders: by name.
    rounds: how often to go through them.
    seconds: no new round begins after this long, but three are run.

  Returns:
    The seconds per call, for each contender one number for each round.
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
    # Nobody is always the one that runs after somebody else.
    for name in names[i % len(names) :] + names[: i % len(names)]:
      run = contenders[name].run
      with contenders[name].around():
        if repeats[name] > 1:
          # Caches and thread pools still belong to the one before.
          run()
        measured[name].append(_time(run, repeats[name]))
  return measured


def _time(run, repeats=1) -> float:
  """Seconds per call."""
  start = time.perf_counter()
  for _ in range(repeats):
    run()
  return (time.perf_counter() - start) / repeats
