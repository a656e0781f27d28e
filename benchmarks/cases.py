# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The benchmark cases by name."""

import functools
from typing import Callable, Dict, Sequence

from benchmarks import calls
from benchmarks import seeding
from benchmarks import serving
from benchmarks import steps
from benchmarks import timing
from benchmarks import training

_Case = Callable[[], Dict[str, timing.Contender]]


def _growth(axis, values, **sizes):
  """Returns cases in which one size grows and the other sizes are constant."""
  return {
      f'growth/{axis}={value}': functools.partial(
          steps.lloyd, **{**sizes, axis: value}
      )
      for value in values
  }


CASES: Dict[str, _Case] = {
    name: functools.partial(make, *sizes)
    for name, make, *sizes in (
        ('lloyd/500x2,k=5', steps.lloyd, 500, 2, 5),
        ('lloyd/10kx20,k=20', steps.lloyd, 10_000, 20, 20),
        ('lloyd/50kx100,k=50', steps.lloyd, 50_000, 100, 50),
        ('lloyd/50kx100,k=50,separated', steps.lloyd, 50_000, 100, 50, True),
        ('lloyd/50kx16,k=1000', steps.lloyd, 50_000, 16, 1000),
        ('lloyd/500kx100,k=500', steps.lloyd, 500_000, 100, 500),
        ('lloyd/500kx100,k=500,separated',
         steps.lloyd, 500_000, 100, 500, True),
        ('mini_batch/256x16,k=16', steps.mini_batch, 256, 16, 16),
        ('mini_batch/1024x64,k=64', steps.mini_batch, 1024, 64, 64),
        ('mini_batch/4096x128,k=256', steps.mini_batch, 4096, 128, 256),
        ('evaluate/500kx100,k=500', steps.evaluate, 500_000, 100, 500),
        ('shift/10kx20,k=20', steps.shift, 10_000, 20, 20),
        ('shift/50kx100,k=50', steps.shift, 50_000, 100, 50),
        ('shift/4096x128,k=256', steps.shift, 4096, 128, 256),
        ('weights/10kx20,k=20', steps.weights, 10_000, 20, 20),
        ('weights/50kx100,k=50', steps.weights, 50_000, 100, 50),
        ('weights/mini_batch,1024x64,k=64',
         steps.weights, 1024, 64, 64, True),
        ('kmeans++/10kx20,k=20', seeding.kmeans_plus_plus, 10_000, 20, 20),
        ('kmeans++/200kx100,k=200',
         seeding.kmeans_plus_plus, 200_000, 100, 200),
        ('kmc2/200x20,k=20', seeding.kmc2, 200, 20, 20),
        ('kmc2/200x100,k=200', seeding.kmc2, 200, 100, 200),
        ('train/500x2,k=5', calls.train, 500, 2, 5),
        ('first_train/random,500x2,k=5',
         calls.first_train, 500, 2, 5, 'random'),
        ('first_train/kmeans++,500x2,k=5',
         calls.first_train, 500, 2, 5, 'kmeans_plus_plus'),
        ('first_train/kmc2,500x2,k=5', calls.first_train, 500, 2, 5, 'kmc2'),
        ('score/500x2,k=5', calls.score, 500, 2, 5),
        ('loop/100x2,k=5', calls.documented_loop, 100, 2, 5),
        ('predict/200kx20,k=20', calls.predict, 200_000, 20, 20),
        ('transform/200kx20,k=20', calls.transform, 200_000, 20, 20),
        ('request/1x20,k=20', serving.request, 1, 20, 20),
        ('request/10kx20,k=20', serving.request, 10_000, 20, 20),
        ('request/10kx100,k=50', serving.request, 10_000, 100, 50),
        ('tolerance/10kx20,k=20', training.to_tolerance, 10_000, 20, 20),
        ('tolerance/50kx100,k=50', training.to_tolerance, 50_000, 100, 50),
        ('array/20MB', calls.array, 50_000, 100, 5),
        ('array/200MB', calls.array, 500_000, 100, 5),
        ('import', calls.imports),
    )
}  # pyformat: disable
CASES.update(
    **_growth('n', (12_500, 25_000, 50_000, 100_000, 200_000), d=32, k=32),
    **_growth('d', (2, 8, 32, 128, 512), n=25_000, k=32),
    **_growth('k', (2, 8, 32, 128, 512), n=25_000, d=32),
)


def matching(beginnings: Sequence[str]) -> Dict[str, _Case]:
  """Returns the cases whose names have one of the beginnings.

  Without beginnings, returns all cases.

  Raises:
    ValueError: no case has one of the beginnings.
  """
  if not beginnings:
    return CASES
  for beginning in beginnings:
    if not any(name.startswith(beginning) for name in CASES):
      raise ValueError(
          f'no case begins with {beginning!r}; there are {", ".join(CASES)}'
      )
  return {
      name: case
      for name, case in CASES.items()
      if name.startswith(tuple(beginnings))
  }
