# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random points, and the inertia of centers."""

from typing import Tuple

import numpy as np


def clusters(
    n: int, d: int, k: int, separated: bool = False
) -> Tuple[np.ndarray, np.ndarray]:
  """Draws normally distributed points around k centers.

  Args:
    n: number of points.
    d: number of columns.
    k: number of clusters.
    separated: whether the clusters are far enough apart not to overlap.

  Returns:
    float32 `[n, d]`, the points, and float32 `[k, d]`, initial centers: one
    point of each cluster. With the same initial centers, all contenders make
    the same steps.
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
  """Returns the sum of squared distances of points to their nearest centers."""
  total = 0.0
  for block in np.array_split(points, -(-len(points) // 10_000)):
    # The expanded square only finds the nearest center. The distance to this
    # center is computed without cancellation.
    nearest = (
        np.square(centers).sum(1) - 2 * block.astype(np.float64) @ centers.T
    ).argmin(1)
    total += np.square(block - centers[nearest], dtype=np.float64).sum()
  return total
