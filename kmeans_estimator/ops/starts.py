# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chooses the best of several starts on one batch.

Each start draws initial centers from the batch, and then makes a few Lloyd
iterations on the batch. The start with the lowest loss on the batch is kept.
"""

import hashlib
from typing import Callable, List, Optional, Union

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import relocation
from kmeans_estimator.ops import sizes
from kmeans_estimator.ops import updates

# The number of Lloyd iterations of a start. On the digits data set, fewer
# iterations give a higher inertia, and more iterations change nothing;
# `python -m benchmarks.starts`.
NUM_STEPS = 5


def seeds(seed: int, number: int) -> List[int]:
  """Derives a seed for each start; the first start uses `seed` itself.

  Args:
    seed: any integer.
    number: the number of starts.

  Returns:
    The seeds, as signed 64-bit integers.
  """
  digests = (
      hashlib.sha256(repr((seed, i)).encode()).digest()
      for i in range(1, number)
  )
  drawn = [int.from_bytes(digest[:8], 'little') for digest in digests]
  return [(each + 2**63) % 2**64 - 2**63 for each in (seed, *drawn)]


def best(
    draw: Callable[[tf.Tensor], tf.Tensor],
    start_seeds: List[int],
    points: tf.Tensor,
    weights: Optional[tf.Tensor],
    num_clusters: Union[int, tf.Tensor],
    metric: str,
) -> tf.Tensor:
  """Makes all starts and returns the best start; on a tie, the earliest.

  Args:
    draw: a function that takes a seed, an int64 scalar, and returns k initial
      centers.
    start_seeds: the seed of each start.
    points: float `[n, d]`, the batch; for the cosine metric with rows of unit
      length.
    weights: `[n]` of the points' dtype; None: every point has weight 1.
    num_clusters: k.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    `[k, d]`, the centers of the best start after its iterations.
  """
  columns = points.shape[1]
  static_k = num_clusters if isinstance(num_clusters, int) else None

  def next_start(number, least_loss, kept):
    centers = draw(tf.gather(tf.constant(start_seeds, tf.int64), number))
    # The native ops that draw rows do not set the static number of rows.
    centers.set_shape([static_k, columns])
    # A loop, because portable ops build some 300 nodes for an iteration.
    _, centers = tf.while_loop(
        lambda step, _: step < NUM_STEPS,
        lambda step, centers: (
            step + 1,
            _step(points, weights, centers, metric),
        ),
        (0, centers),
        shape_invariants=(tf.TensorShape([]), centers.shape),
    )
    loss = _loss(points, weights, centers, metric)
    is_best = tf.equal(number, 0) | (loss < least_loss)
    return (
        number + 1,
        tf.where(is_best, loss, least_loss),
        tf.where(is_best, centers, kept),
    )

  with placement.as_outside(points):
    _, _, kept = tf.while_loop(
        lambda number, *_: number < len(start_seeds),
        next_start,
        (
            0,
            tf.zeros([], points.dtype),
            tf.zeros([num_clusters, sizes.columns(points)], points.dtype),
        ),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([]),
            tf.TensorShape([static_k, columns]),
        ),
    )
  return kept


def _step(points, weights, centers, metric):
  """Returns the centers after one Lloyd iteration."""
  [allocation], sums = allocation_lib.allocate(
      [points], centers, metric, None if weights is None else [weights]
  )
  shard = relocation.Shard(points, allocation, weights)
  sums = relocation.relocate([shard], centers, sums, metric)
  centers = updates.full_batch_centers(centers, sums)
  if metric == distances.COSINE_DISTANCE:
    centers = distances.l2_normalize(centers)
  return centers


def _loss(points, weights, centers, metric):
  distance = allocation_lib.nearest(points, centers, metric).distance
  return tf.reduce_sum(distance if weights is None else weights * distance)
