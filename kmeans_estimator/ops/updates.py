# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""How centers move: the full-batch and the mini-batch rule.

S. Lloyd, "Least squares quantization in PCM", 1982, and D. Sculley, "Web-scale
k-means clustering", 2010.
"""

import tensorflow as tf

from kmeans_estimator.ops import distances
from kmeans_estimator.ops import state as state_lib

# Keeps the mean of an empty cluster finite: its center becomes 0.
_EPSILON = 1e-6


def full_batch_centers(sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
  """Lloyd's rule: `c_j = sum_j / (n_j + 1e-6)`.

  Args:
    sums: Float `[k, d]`, the sum of the points of each cluster.
    counts: int64 `[k]`, the number of points of each cluster.

  Returns:
    The new centers, `[k, d]` of the sums' dtype; 0 for an empty cluster.
  """
  counts = tf.cast(counts, sums.dtype) + _EPSILON
  return sums / tf.expand_dims(counts, 1)


def mini_batch_change(
    centers: tf.Tensor,
    old_counts: tf.Tensor,
    sums: tf.Tensor,
    counts: tf.Tensor,
) -> tf.Tensor:
  """The mini-batch rule: `(sum_j - n_j c_j) / (N_j + n_j)`.

  Args:
    centers: Float `[k, d]`, `c` before the step.
    old_counts: int64 `[k]`, `N`: the points that each center averages already.
    sums: As centers, the sum of the batch's points of each cluster.
    counts: int64 `[k]`, `n`: their number.

  Returns:
    What to add to the centers, as they are; 0 where no point was allocated.
  """
  # A center of the second copy may have N = n = 0. Its change is 0 / 1.
  total = tf.maximum(tf.cast(old_counts + counts, centers.dtype), 1)
  counts = tf.cast(counts, centers.dtype)
  change = sums - tf.expand_dims(counts, 1) * centers
  return change / tf.expand_dims(total, 1)


def apply_full_batch(
    state: state_lib.State,
    sums: tf.Tensor,
    counts: tf.Tensor,
    normalize: bool,
    after: list[tf.Operation],
) -> tf.Operation:
  """Moves every center to the mean of its points.

  Args:
    state: the variables.
    sums: Float `[k, d]`.
    counts: int64 `[k]`.
    normalize: whether centers are kept at unit length.
    after: what has to have succeeded before anything is written.

  Returns:
    The op that does it.
  """
  centers = full_batch_centers(sums, counts)
  if normalize:
    centers = distances.l2_normalize(centers)
  with tf.control_dependencies(after):
    return state.clusters.assign(centers, read_value=False)


def apply_mini_batch(
    state: state_lib.State,
    centers: tf.Tensor,
    sums: tf.Tensor,
    counts: tf.Tensor,
    after: list[tf.Operation],
) -> tf.Operation:
  """Moves centers by the mini-batch rule and counts their points.

  Both variables are read before either is written, and are changed by atomic
  additions, so that asynchronous workers lose none of their updates.

  Args:
    state: the variables.
    centers: Float `[k, d]`, the value of the moving centers before the step.
    sums: As centers.
    counts: int64 `[k]`.
    after: what has to have succeeded before anything is written.

  Returns:
    The op that does it.
  """
  moving = (
      state.clusters
      if state.clusters_updated is None
      else state.clusters_updated
  )
  change = mini_batch_change(centers, state.counts.value(), sums, counts)
  with tf.control_dependencies(after + [change]):
    return tf.group(
        moving.assign_add(change, read_value=False),
        state.counts.assign_add(counts, read_value=False),
    )


def finish_iteration_if_due(
    state: state_lib.State,
    steps_per_iteration: int,
    normalize: bool,
) -> tf.Operation:
  """Once no step is left, lets `clusters` follow and starts an iteration.

  Args:
    state: the variables, with `clusters_updated` and `update_in_steps`.
    steps_per_iteration: M.
    normalize: whether `clusters` is kept at unit length.

  Returns:
    The op that does it.
  """

  def finish():
    centers = state.clusters_updated.value()
    if normalize:
      centers = distances.l2_normalize(centers)
    return tf.group(
        state.clusters.assign(centers, read_value=False),
        state.counts.assign(
            tf.zeros_like(state.counts.value()), read_value=False
        ),
        state.update_in_steps.assign(steps_per_iteration, read_value=False),
    )

  return tf.cond(
      state.update_in_steps.value() <= 0, finish, tf.no_op
  )
