# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""How centers move: the full-batch and the mini-batch rule.

S. Lloyd, "Least squares quantization in PCM", 1982, and D. Sculley, "Web-scale
k-means clustering", 2010.
"""

from typing import Optional

import tensorflow as tf

from kmeans_estimator.ops import allocation
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import state as state_lib


def full_batch_centers(
    centers: tf.Tensor, sums: allocation.Sums, normalize: bool = False
) -> tf.Tensor:
  """Lloyd's rule: `c_j` becomes the mean of its points.

  Args:
    centers: Float `[k, d]`, `c` before the step.
    sums: of the points of each cluster.
    normalize: whether a mean is scaled to unit length.

  Returns:
    The new centers, as `centers`; a cluster without points keeps its center, to
    the bit.
  """
  means = tf.cast(sums.mean(), centers.dtype)
  if normalize:
    means = distances.l2_normalize(means)
  return tf.where(tf.expand_dims(sums.totals > 0, 1), means, centers)


def mini_batch_change(
    centers: tf.Tensor, old_totals: tf.Tensor, sums: allocation.Sums
) -> tf.Tensor:
  """The mini-batch rule: `(sum_j - n_j c_j) / (N_j + n_j)`.

  Args:
    centers: Float `[k, d]`, `c` before the step.
    old_totals: `[k]`, `N`: the points that each center averages already, or the
      sum of their weights.
    sums: of the batch's points of each cluster, with `n`.

  Returns:
    What to add to the centers, as they are; 0 where no point was allocated.
  """
  change = sums.less(centers)
  totals = tf.cast(old_totals, change.dtype) + tf.cast(
      sums.totals, change.dtype
  )
  # A center of the second copy may have N = n = 0. Its change is 0.
  change = tf.math.divide_no_nan(change, tf.expand_dims(totals, 1))
  return tf.cast(change, centers.dtype)


def weight_so_far(
    counts: tf.Tensor, lightest: Optional[tf.Tensor]
) -> tf.Tensor:
  """`N` of the mini-batch rule.

  The rule counts an initial center as one point. Among points with weights it
  counts as a point of the lightest weight of the first batch: 1 where all
  weights are 1, and in proportion if all weights are multiplied by a factor.

  Args:
    counts: `[k]`, the value of `State.counts` before the step.
    lightest: scalar, the least weight above 0 in the batch; None: centers have
      their count from the start.

  Returns:
    `[k]`, as `counts`.
  """
  if lightest is None:
    return counts
  return tf.where(counts > 0, counts, tf.cast(lightest, counts.dtype))


def apply_full_batch(
    state: state_lib.State,
    centers: tf.Tensor,
    sums: allocation.Sums,
    normalize: bool,
    after: list[tf.Operation],
) -> tf.Operation:
  """Moves every center to the mean of its points.

  Args:
    state: the variables.
    centers: Float `[k, d]`, the value of the centers before the step.
    sums: of the points of each cluster.
    normalize: whether centers are kept at unit length.
    after: what has to have succeeded before anything is written.

  Returns:
    The op that does it.
  """
  centers = full_batch_centers(centers, sums, normalize)
  with tf.control_dependencies(after):
    return state.clusters.assign(centers, read_value=False)


def apply_mini_batch(
    state: state_lib.State,
    centers: tf.Tensor,
    sums: allocation.Sums,
    after: list[tf.Operation],
    lightest: Optional[tf.Tensor] = None,
) -> tf.Operation:
  """Moves centers by the mini-batch rule and counts their points.

  Both variables are read before either is written, and are changed by atomic
  additions, so that asynchronous workers lose none of their updates.

  Args:
    state: the variables.
    centers: Float `[k, d]`, the value of the moving centers before the step.
    sums: of the batch's points of each cluster.
    after: what has to have succeeded before anything is written.
    lightest: see `weight_so_far`.

  Returns:
    The op that does it.
  """
  moving = (
      state.clusters
      if state.clusters_updated is None
      else state.clusters_updated
  )
  counts = state.counts.value()
  old_totals = weight_so_far(counts, lightest)
  change = mini_batch_change(centers, old_totals, sums)
  counted = tf.cast(sums.totals, counts.dtype)
  if lightest is not None:
    counted += old_totals - counts
  with tf.control_dependencies(after + [change]):
    return tf.group(
        moving.assign_add(change, read_value=False),
        state.counts.assign_add(counted, read_value=False),
    )


def finish_iteration_if_due(
    state: state_lib.State,
    steps_per_iteration: int,
    normalize: bool,
    has_rows: Optional[tf.Tensor] = None,
) -> tf.Operation:
  """Once no step is left, lets `clusters` follow and starts an iteration.

  Args:
    state: the variables, with `clusters_updated` and `update_in_steps`.
    steps_per_iteration: M.
    normalize: whether `clusters` is kept at unit length.
    has_rows: bool scalar, whether the batch has rows; without any, nothing
      happens. None: it is known to have some.

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

  is_due = state.update_in_steps.value() <= 0
  if has_rows is not None:
    is_due &= has_rows
  return tf.cond(is_due, finish, tf.no_op)
