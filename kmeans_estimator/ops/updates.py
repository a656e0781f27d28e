# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The full-batch and the mini-batch rule, by which training moves the centers.

Full batch: S. Lloyd, "Least squares quantization in PCM", 1982. Mini-batch: D.
Sculley, "Web-scale k-means clustering", 2010.
"""

from typing import Optional

import tensorflow as tf

from kmeans_estimator.ops import allocation
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import state as state_lib


def full_batch_centers(
    centers: tf.Tensor, sums: allocation.Sums, normalize: bool = False
) -> tf.Tensor:
  """Computes the new centers by Lloyd's rule: `c_j` is the mean of its points.

  Args:
    centers: Float `[k, d]`, the centers `c` before the step.
    sums: the sums over the points of each cluster.
    normalize: whether to scale each mean to unit length.

  Returns:
    The new centers, with the shape and dtype of `centers`. The center of a
    cluster without points does not change by a bit.
  """
  means = tf.cast(sums.mean(), centers.dtype)
  if normalize:
    means = distances.l2_normalize(means)
  return tf.where(tf.expand_dims(sums.totals > 0, 1), means, centers)


def mini_batch_change(
    centers: tf.Tensor, old_totals: tf.Tensor, sums: allocation.Sums
) -> tf.Tensor:
  """Computes the mini-batch rule: `(sum_j - n_j c_j) / (N_j + n_j)`.

  Args:
    centers: Float `[k, d]`, the centers `c` before the step.
    old_totals: `[k]`, `N`: for each center, the number of points that it
      already averages, or the sum of their weights.
    sums: the sums over the batch's points of each cluster, and their number or
      weight `n`.

  Returns:
    The change to add to the centers, with the shape and dtype of `centers`; 0
    for a center without points in the batch.
  """
  change = sums.less(centers)
  totals = tf.cast(old_totals, change.dtype) + tf.cast(
      sums.totals, change.dtype
  )
  # With M > 1 a center may have N = n = 0. Its change is 0.
  change = tf.math.divide_no_nan(change, tf.expand_dims(totals, 1))
  return tf.cast(change, centers.dtype)


def weight_so_far(
    counts: tf.Tensor, lightest: Optional[tf.Tensor]
) -> tf.Tensor:
  """Returns `N` of the mini-batch rule.

  With M = 1 the rule counts an initial center as one point. If points have
  weights, it counts an initial center as a point of the lightest weight above 0
  in the first batch. That weight is 1 if all weights are 1. Multiplying all
  weights by a factor multiplies it by the same factor, so no center changes.

  Args:
    counts: `[k]`, the value of `State.counts` before the step.
    lightest: scalar, the lightest weight above 0 in the batch; None: `counts`
      already counts the initial centers.

  Returns:
    `[k]` of the dtype of `counts`.
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
    sums: the sums over the points of each cluster.
    normalize: whether to scale the centers to unit length.
    after: ops that must succeed before any variable is written.

  Returns:
    The op that assigns the new centers.
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

  The op reads the centers and the counts before it writes either. It changes
  them by atomic additions, so no update of an asynchronous worker is lost.

  Args:
    state: the variables.
    centers: Float `[k, d]`, the value before the step of the centers that the
      step moves.
    sums: the sums over the batch's points of each cluster.
    after: ops that must succeed before any variable is written.
    lightest: see `weight_so_far`.

  Returns:
    The op that updates the variables.
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
  """After M steps, copies the moved centers and starts the next iteration.

  While steps are left in the iteration, the op changes nothing.

  Args:
    state: the variables, including `clusters_updated` and `update_in_steps`.
    steps_per_iteration: M.
    normalize: whether to scale the rows of `clusters` to unit length.
    has_rows: bool scalar, whether the batch has rows; if it has none, the op
      changes nothing. None: the batch is known to have rows.

  Returns:
    The op that ends the iteration if it is due.
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
