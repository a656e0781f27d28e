# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The choice of initial centers in float64 NumPy, which tests compare with.

D. Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
2007, and O. Bachem et al., "Approximate K-Means++ in Sublinear Time", 2016. The
words of the random streams come from the product's `philox`.
"""

import functools
import itertools
import math
from typing import List, Optional, Sequence

import numpy as np

from kmeans_estimator.ops import philox

# The number of words that are drawn at once.
_WORDS = 256


@functools.lru_cache(maxsize=4096)
def _words(seed: int, stream: int, part: int) -> np.ndarray:
  """Returns `_WORDS` words of a stream; every implementation reads the same."""
  return philox.words(_WORDS, seed, stream, part * _WORDS).numpy()


class Stream:
  """Reads the words of a seed's random stream in order."""

  def __init__(self, seed: int, stream: int = 0):
    self._words = itertools.chain.from_iterable(
        _words(seed, stream, part).tolist() for part in itertools.count()
    )

  def unit_float(self) -> float:
    return (next(self._words) % 2**23) * 2.0**-23

  def below(self, limit: int) -> int:
    low, high = next(self._words), next(self._words)
    return (high * 2**32 + low) % limit

  def by_weight(self, weights: np.ndarray) -> int:
    """Draws an index by weight; with equal weights, the result of `below`."""
    low, high = next(self._words), next(self._words)
    within, unit = divmod(high * 2**32 + low, len(weights))
    place = unit + min(within / 2**64 * len(weights), 0.999999)
    running = np.cumsum(weights)
    return int((running <= place * running[-1] / len(weights)).sum())


def kmeans_plus_plus(
    points: np.ndarray,
    m: int,
    seed: int,
    num_retries: int,
    stream: int = 0,
    weights: Optional[np.ndarray] = None,
) -> List[int]:
  """Chooses rows of float64 points by k-means++; all sums are float64."""
  words = Stream(seed, stream)
  if num_retries < 0:
    num_retries = 2 + math.floor(math.log(m))
  n, is_weighted = len(points), weights is not None
  if not is_weighted:
    weights = np.ones(n)
  chosen = []
  nearest = np.full(n, np.inf)

  def draw():
    masses = np.where(weights > 0, nearest, 0) * weights
    total = masses.sum()
    while True:
      if 0 < total < np.inf:
        level = words.unit_float() * total
        row = int((np.cumsum(masses) <= level).sum())
      elif is_weighted:
        row = words.by_weight(np.where(np.isin(range(n), chosen), 0, weights))
      else:
        row = words.below(n)
      if row not in chosen:
        return row

  while len(chosen) < m:
    rows = [draw() for _ in range(1 + num_retries)]
    closer = [
        np.minimum(nearest, np.square(points - points[row]).sum(axis=1) / 2)
        for row in rows
    ]
    best = int(np.argmin([(each * weights).sum() for each in closer]))
    chosen.append(rows[best])
    nearest = closer[best]
  return chosen


def chain_end(masses: Sequence[float], words: Stream) -> int:
  """Returns the final state of a chain over candidates."""
  state = 0
  for i in range(1, len(masses)):
    if masses[i] > words.unit_float() * masses[state]:
      state = i
  return state


def kmc2(
    points: np.ndarray,
    centers: np.ndarray,
    missing: int,
    chain_length: int,
    seed: int,
    weights: Optional[np.ndarray] = None,
) -> List[int]:
  """Chooses rows by k-MC2; `centers` `[selected, d]` were chosen before."""
  if not len(points):
    return []
  if weights is None:
    weights = np.ones(len(points))
  words = Stream(seed, len(centers))
  first = words.by_weight(weights)
  length = min(chain_length, len(points))
  rows = []
  for start in range(0, len(points) - length + 1, length)[:missing]:
    found = np.concatenate([centers, points[rows]])
    if not len(found):
      rows.append(first)
      for _ in range(length - 1):
        words.unit_float()
      continue
    candidates = slice(start, start + length)
    masses = np.square(points[candidates, np.newaxis] - found).sum(axis=2)
    masses = masses.min(axis=1) * weights[candidates]
    rows.append(start + chain_end(masses, words))
  return rows
