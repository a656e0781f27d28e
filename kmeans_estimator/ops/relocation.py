# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Relocation of empty clusters in full-batch training.

An empty cluster has no mean. As in scikit-learn, the first empty cluster takes
over the point of the batch that is farthest from its center, the second empty
cluster the second farthest point, and so on. Each point taken over leaves its
former cluster. Points at distance 0 are not taken.
"""

from typing import List, NamedTuple, Optional

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import native
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import sizes

# If all points leave a cluster, rounding of sums of this dtype may leave up to
# this share of its weight. A smaller rest is set to 0, even if it is the weight
# of a remaining point that is so much lighter than the points that left.
_ROUNDED_OFF = {tf.float32: 2.0**-20, tf.float64: 2.0**-40}


class Shard(NamedTuple):
  """A part of a batch and its allocation to clusters.

  Attributes:
    points: float `[n, d]`, not yet normalized or shifted.
    allocation: the nearest center of each point and the distance to it.
    weights: `[n]` of the points' dtype; None: every point has weight 1.
  """

  points: tf.Tensor
  allocation: allocation_lib.Allocation
  weights: Optional[tf.Tensor] = None


def relocate(
    shards: List[Shard],
    centers: tf.Tensor,
    sums: allocation_lib.Sums,
    metric: str,
) -> allocation_lib.Sums:
  """Moves one point into each empty cluster, while points remain.

  Args:
    shards: the batch; under a strategy, the batch of this replica.
    centers: float `[k, d]`, the centers that the points were allocated to.
    sums: the clusters' sums of the batch, over all replicas.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    The sums after relocation. If no cluster is empty, they equal `sums` bit for
    bit.
  """
  num_replicas = replicas.number()
  if (
      len(shards) == 1
      and num_replicas == 1
      and sums.origin is None
      and placement.is_for_cpu(centers)
      and native.is_available()
  ):
    [shard] = shards
    values, totals = native.relocate(
        shard.points,
        native.Allocated(*shard.allocation, sums.values, sums.totals),
        metric == distances.COSINE_DISTANCE,
        shard.weights,
    )
    return sums._replace(values=values, totals=totals)

  is_empty = tf.equal(sums.totals, 0)
  num_empty = tf.reduce_sum(tf.cast(is_empty, tf.int32))

  limit = sizes.rows(centers)

  def farthest():
    return _farthest(shards, centers, metric, limit)

  def move(farthest):
    return _moved(farthest, is_empty, num_empty, sums)

  if num_replicas > 1 and not replicas.are_on_tpu():
    # Replicas must run the same exchanges in every step, so `move`, which
    # exchanges, is outside the branch. TensorFlow requires the same shapes in
    # all steps, so the branch without empty clusters returns padding.
    values, totals = move(
        tf.cond(
            num_empty > 0,
            farthest,
            lambda: _padding(limit, shards[0].points),
        )
    )
  else:
    values, totals = tf.cond(
        num_empty > 0,
        lambda: move(farthest()),
        lambda: (sums.values, sums.totals),
    )
  return sums._replace(values=values, totals=totals)


class _Farthest(NamedTuple):
  """Points in descending order of the distance to their centers.

  Attributes:
    distance: `[m]`; 0 also marks padding, which is no point.
    weight: `[m]`.
    cluster: `[m]`, the cluster that the point was allocated to. A float, like
      the other attributes: TensorFlow does not pad integers on GPUs.
    point: `[m, d]`; for the cosine metric scaled to unit length.
  """

  distance: tf.Tensor
  weight: tf.Tensor
  cluster: tf.Tensor
  point: tf.Tensor


def _farthest(shards, centers, metric, limit):
  """Returns the `limit` farthest points of the shards, padded with zeros."""
  distance = _concat([shard.allocation.distance for shard in shards])
  index = _concat([shard.allocation.index for shard in shards])
  points = _concat([shard.points for shard in shards])
  if shards[0].weights is None:
    weights = tf.ones_like(distance)
  else:
    weights = _concat([shard.weights for shard in shards])
    distance = tf.where(weights > 0, distance, tf.zeros_like(distance))
  num_rows = sizes.minimum(limit, sizes.rows(distance))
  rows = tf.math.top_k(distance, num_rows).indices
  # Sort the rows into the order of the batch: on a tie of exact distances the
  # earlier row is then taken.
  rows = -tf.math.top_k(-rows, num_rows).values
  point = tf.gather(points, rows)
  if metric == distances.COSINE_DISTANCE:
    point = distances.l2_normalize(point)
  weight, cluster = tf.gather(weights, rows), tf.gather(index, rows)
  # Recompute the distances: those of the expanded square carry rounding errors
  # and are rarely exactly 0 where a point equals its center.
  center = tf.gather(centers, cluster)
  exact = tf.reduce_sum(tf.math.squared_difference(point, center), axis=1)
  if metric == distances.COSINE_DISTANCE:
    is_zero = distances.is_zero(point) | distances.is_zero(center)
    exact = tf.where(is_zero, tf.ones_like(exact), exact / 2)
  exact = tf.where(weight > 0, exact, tf.zeros_like(exact))
  padding = limit - num_rows
  found = _Farthest(
      *(
          tf.pad(x, [[0, padding]] + [[0, 0]] * (x.shape.rank - 1))
          for x in (exact, weight, tf.cast(cluster, exact.dtype), point)
      )
  )
  order = tf.math.top_k(found.distance, limit).indices
  return _Farthest(*(tf.gather(x, order) for x in found))


def _padding(limit, points):
  """Returns zeros in the shapes of the result of `_farthest`: no points."""
  nothing = tf.zeros([limit], points.dtype)
  columns = sizes.columns(points)
  return _Farthest(
      nothing,
      nothing,
      nothing,
      tf.zeros(tf.stack([limit, columns]), points.dtype),
  )


def _concat(tensors):
  return tensors[0] if len(tensors) == 1 else tf.concat(tensors, 0)


def _moved(farthest, is_empty, num_empty, sums):
  """Returns values and totals after moving points to the empty clusters."""
  k = sizes.rows(is_empty)
  rank = _rank_among_all(farthest.distance)
  is_taken = (rank < num_empty) & (farthest.distance > 0)
  empty = tf.math.top_k(tf.cast(is_empty, tf.int32), k).indices
  to = tf.gather(empty, tf.minimum(rank, k - 1))
  to_and_from = tf.concat([to, tf.cast(farthest.cluster, tf.int32)], 0)
  weight = tf.where(is_taken, farthest.weight, tf.zeros_like(farthest.weight))
  point = farthest.point
  if sums.origin is not None:
    point -= sums.origin

  def change_of(values, weights, rows=None):
    dtype = values.dtype if values.dtype.is_floating else weights.dtype
    added = tf.cast(weights, dtype)
    if rows is not None:
      # Cast before the product: sums have more digits than points.
      added *= tf.cast(rows, dtype)
    change = tf.math.unsorted_segment_sum(
        tf.concat([added, -added], 0), to_and_from, k
    )
    return tf.cast(change, values.dtype)

  changes = replicas.sum_over_replicas([
      change_of(sums.values, tf.expand_dims(weight, 1), point),
      change_of(sums.totals, weight),
  ])
  totals = sums.totals + changes[1]
  if totals.dtype.is_floating:
    # The total of a cluster that all points have left is a rounding error.
    is_rest = totals < _ROUNDED_OFF[totals.dtype] * sums.totals
    totals = tf.where(is_rest, tf.zeros_like(totals), totals)
  return sums.values + changes[0], totals


def _rank_among_all(distance):
  """Returns the rank of each point among the points of all replicas.

  Args:
    distance: `[m]`, in descending order.

  Returns:
    int32 `[m]`, 0 for the farthest point; on a tie the points of earlier
    replicas come first.
  """
  m = sizes.rows(distance)
  if replicas.number() == 1:
    return tf.range(m)
  of_all = replicas.gather_rows(tf.expand_dims(distance, 1))[:, 0]
  num_all = sizes.rows(of_all)
  order = tf.math.top_k(of_all, num_all).indices
  ranks = tf.scatter_nd(
      tf.expand_dims(order, 1), tf.range(num_all), tf.expand_dims(num_all, 0)
  )
  return tf.slice(ranks, [replicas.own_number() * m], tf.expand_dims(m, 0))
