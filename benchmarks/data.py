# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Points to cluster."""

from typing import Tuple

import numpy as np


def clusters(
    n: int, d: int, k: int, separated: bool = False
) -> Tuple[np.ndarray, np.ndarray]:
  """Draws normally distributed points around k places.

  Args:
    n: how many points.
    d: dimensions.
    k: how many clusters.
    separated: whether clusters lie apart or run into each other.

  Returns:
    float32 `[n, d]`, the points, and `[k, d]`, k of them to start with: one of
    each cluster, so that all work on the same steps.
  """
  random = np.random.default_rng(1)
  centers = random.uniform(0, 500, [k, d])
  spread = 5 if separated else 250
  points = np.repeat(centers, -(-n // k), axis=0)[:n]
  points += random.normal(0, spread, points.shape)
  starts = np.arange(k) * n // k
  order = random.permutation(n)
  return (
      points[order].astype(np.float32),
      points[starts].astype(np.float32),
  )


def inertia(points: np.ndarray, centers: np.ndarray) -> float:
  """The squared distances of points to their nearest centers, in sum."""
  total = 0.0
  for block in np.array_split(points, -(-len(points) // 10_000)):
    # Exact for the center that is found; the expanded square only finds it.
    nearest = (
        np.square(centers).sum(1) - 2 * block.astype(np.float64) @ centers.T
    ).argmin(1)
    total += np.square(block - centers[nearest], dtype=np.float64).sum()
  return total
