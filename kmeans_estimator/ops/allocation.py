# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Allocates points to their nearest centers and sums the points by center.

On a CPU the ops of `native` do both in one pass. On other devices, and where
the native ops are not available, portable ops process blocks of rows. So memory
holds only a few blocks of the matrix of distances at a time.
"""

from typing import List, NamedTuple, Optional, Tuple

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import native
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import sizes

# A batch with at most this many coordinates and at most this many distances is
# one block. A larger batch is divided into blocks; benchmark case
# lloyd/50kx100.
_MAX_AT_ONCE = 2**20
# The number of coordinates or distances in a block, 8 MB of float32. Larger
# blocks do not fit in the last-level cache; benchmark case lloyd/500kx100.
_BLOCK_ELEMENTS = 2**21
# Limits for the rows of a block, whatever its number of columns: more rows make
# a block no faster, and fewer rows make it slow.
_MAX_BLOCK_ROWS = 4096
_MIN_BLOCK_ROWS = 64
_PARALLEL_BLOCKS = 2
# Limits for a block on a GPU or TPU, 512 MB of float32. With the limits for
# CPUs, an accelerator would be idle most of the time.
_ACCELERATOR_BLOCK_ELEMENTS = 2**27
_MAX_ACCELERATOR_BLOCK_ROWS = 2**20

# The number of multiplications that justifies one more native node; benchmark
# cases lloyd/500x2 and lloyd/10kx20.
_PART_WORK = 2**20
# The largest number of native nodes per shard, unless each node has at least
# _LARGE_PART_WORK multiplications.
_MAX_PARTS = 16
_LARGE_PART_WORK = 2**28
# The largest number of native nodes per shard in any case; it keeps the graph
# small.
_MAX_LARGE_PARTS = 64
# The largest number of elements in the sums of all nodes, 32 MB of float64.
_MAX_SUMS_OF_PARTS = 2**22
# The number of rows to assume if the size of the batch is unknown.
_ASSUMED_ROWS = 4096


class Allocation(NamedTuple):
  """The nearest center of each point.

  Attributes:
    index: int64 `[n]`, the nearest center; if computed distances are equal, the
      one with the lowest index.
    distance: `[n]` of the points' dtype, the distance to that center.
  """

  index: tf.Tensor
  distance: tf.Tensor


class Sums(NamedTuple):
  """The sums of a step over the points of each center.

  Attributes:
    values: float `[k, d]`, the sum of `weight * (point - origin)`; float64 if
      native ops computed it.
    totals: `[k]`, the sum of the weights, or the number of points: float64 from
      native ops; int64, or of the weights' dtype, from portable ops.
    origin: `[d]`, subtracted from each point before summing; None: points are
      not shifted.
  """

  values: tf.Tensor
  totals: tf.Tensor
  origin: Optional[tf.Tensor] = None

  def mean(self) -> tf.Tensor:
    """Returns the means, `[k, d]`; a row is meaningless if its total is 0."""
    totals = tf.cast(self.totals, self.values.dtype)
    mean = tf.math.divide_no_nan(self.values, tf.expand_dims(totals, 1))
    return mean if self.origin is None else self.origin + mean

  def less(self, centers: tf.Tensor) -> tf.Tensor:
    """Returns `[k, d]`: the sum of `weight * (point - center)`.

    Args:
      centers: float `[k, d]`, the center that is subtracted from each point of
        the cluster.
    """
    centers = tf.cast(centers, self.values.dtype)
    if self.origin is not None:
      centers -= self.origin
    totals = tf.cast(self.totals, self.values.dtype)
    return self.values - tf.expand_dims(totals, 1) * centers


def nearest(
    points: tf.Tensor, centers: tf.Tensor, metric: str
) -> Allocation:
  """Finds the nearest center of each point, and the distance to it.

  Args:
    points: float `[n, d]`; for the cosine metric too, rows of any length.
    centers: `[k, d]` of the points' dtype; for the cosine metric with rows of
      unit length or 0.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    An `Allocation`. The distance of a row that holds NaN or Inf is not finite.
  """
  if _is_native(centers):
    return Allocation(
        *native.nearest(
            points,
            centers,
            metric == distances.COSINE_DISTANCE,
            _num_parts(points, centers),
        )
    )
  prepared = distances.prepare(
      centers, metric, distances.center_origin(centers)
  )
  allocation, _ = _in_blocks(points, None, prepared, with_sums=False)
  return allocation


def allocate(
    shards: List[tf.Tensor],
    centers: tf.Tensor,
    metric: str,
    weights: Optional[List[tf.Tensor]] = None,
) -> Tuple[List[Allocation], Sums]:
  """Allocates points to their nearest centers and sums the points by center.

  Sums depend only on the batch and the allocation, not on the centers. So steps
  with equal allocations give bit-identical sums, and full-batch training
  reaches a fixed point.

  Args:
    shards: the batch, a list of float `[n, d]`. For the cosine metric too, rows
      may have any length; the sums are over rows scaled to unit length.
    centers: `[k, d]` of the shards' dtype; for the cosine metric with rows of
      unit length or 0.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.
    weights: for each shard `[n]` of its dtype; None: every point has weight 1.
      If a weight is negative, the sums are meaningless.

  Returns:
    An `Allocation` for each shard, and the `Sums` over this replica's batch.
    The distance of a row that holds NaN or Inf is not finite.
  """
  weights = weights or [None] * len(shards)
  if _is_native(centers):
    allocated = [
        native.allocate(
            points,
            centers,
            metric == distances.COSINE_DISTANCE,
            _num_parts(points, centers, with_sums=True),
            shard_weights,
        )
        for points, shard_weights in zip(shards, weights)
    ]
    return (
        [Allocation(shard.index, shard.distance) for shard in allocated],
        Sums(
            _add([shard.sums for shard in allocated]),
            _add([shard.totals for shard in allocated]),
        ),
    )
  origin = _origin(shards, metric)
  prepared = distances.prepare(centers, metric, origin)
  allocations, sums = zip(
      *(
          _in_blocks(points, shard_weights, prepared, with_sums=True)
          for points, shard_weights in zip(shards, weights)
      )
  )
  values, totals = zip(*sums)
  return list(allocations), Sums(_add(values), _add(totals), origin)


def _add(tensors):
  return tensors[0] if len(tensors) == 1 else tf.add_n(tensors)


def _origin(shards, metric):
  """Returns `[d]`, the origin that all replicas subtract from their points."""
  origin = _origin_of_first(shards)
  if replicas.number() > 1:
    num_rows = tf.add_n([tf.shape(points)[:1] for points in shards])
    has_rows = tf.cast(num_rows > 0, origin.dtype)
    origin, num_origins = replicas.sum_over_replicas(
        [origin * has_rows, has_rows]
    )
    origin = tf.math.divide_no_nan(origin, num_origins)
  if metric == distances.COSINE_DISTANCE:
    origin = tf.squeeze(distances.l2_normalize(origin[tf.newaxis]), 0)
  return origin


def _origin_of_first(shards):
  """Returns the origin of the first shard with rows; 0 if no shard has rows."""
  first, *others = shards
  origin = distances.batch_origin(first)
  num_rows = sizes.rows(first)
  if not others or (isinstance(num_rows, int) and num_rows > 0):
    return origin
  return tf.where(num_rows > 0, origin, _origin_of_first(others))


def _is_native(centers):
  return placement.is_for_cpu(centers) and native.is_available()


def _num_parts(points, centers, with_sums=False):
  """Returns the number of native nodes that share the rows of a shard.

  The number depends only on static shapes.
  """
  n = points.shape.as_list()[0]
  k, d = centers.shape.as_list()
  rows = _ASSUMED_ROWS if n is None else n
  size = (k or 1) * (d or points.shape.as_list()[1] or 1)
  parts = min(rows * size // _PART_WORK, _MAX_PARTS)
  if parts == _MAX_PARTS:
    parts = max(parts, min(rows * size // _LARGE_PART_WORK, _MAX_LARGE_PARTS))
  if n is None:
    # The batch may be large, even if it has few columns.
    parts = max(parts, 4)
  if with_sums:
    parts = min(parts, _MAX_SUMS_OF_PARTS // size)
  return max(parts, 1)


def _in_blocks(points, weights, prepared, with_sums):
  """Returns an `Allocation`, and a list: values and totals if `with_sums`."""
  n = points.shape.as_list()[0]
  k, d = prepared.factors.shape.as_list()
  at_once, elements, max_rows = _MAX_AT_ONCE, _BLOCK_ELEMENTS, _MAX_BLOCK_ROWS
  if placement.is_for_accelerator(prepared.origin):
    at_once = elements = _ACCELERATOR_BLOCK_ELEMENTS
    max_rows = _MAX_ACCELERATOR_BLOCK_ROWS
  if (
      k is None
      or d is None
      or (n is not None and n <= max(at_once // max(k, d), _MIN_BLOCK_ROWS))
  ):
    index, distance, sums = _block(points, weights, prepared, with_sums)
  else:
    if points.shape.as_list()[1] != d:
      points = tf.ensure_shape(points, [n, d])
    rows = max(elements // max(k, d), _MIN_BLOCK_ROWS)
    rows = _block_rows(n, min(rows, max_rows))
    index, distance, sums = _loop(
        points, weights, prepared, with_sums, rows
    )
  return Allocation(index, tf.maximum(distance, 0)), sums


def _block_rows(n, most):
  """Returns the number of rows of a block, at most `most`.

  If possible, the number divides `n`, so that no rows are left over.
  """
  if n is not None:
    for rows in range(most, most // 2, -1):
      if n % rows == 0:
        return rows
  return most


def _loop(points, weights, prepared, with_sums, rows):
  """Returns the results of `_block` for all points, computed block by block.

  All blocks have the same static size, so that XLA can compile the loop. A
  smaller block after the loop holds the remaining rows.
  """
  n, d = points.shape.as_list()
  num_rows = sizes.rows(points)
  num_blocks = num_rows // rows
  # TensorFlow copies a slice of a matrix, but not a slice of a vector.
  flat = tf.reshape(points, [-1])

  def body(number, indices, distances_, sums):
    begin = tf.cast(number, tf.int64) * rows
    block = tf.reshape(tf.slice(flat, [begin * d], [rows * d]), [rows, d])
    block_weights = (
        None if weights is None else tf.slice(weights, [begin], [rows])
    )
    index, distance, block_sums = _block(
        block, block_weights, prepared, with_sums
    )
    return (
        number + 1,
        indices.write(number, index),
        distances_.write(number, distance),
        _added(sums, block_sums),
    )

  _, indices, distances_, sums = tf.while_loop(
      lambda number, *_: number < num_blocks,
      body,
      (
          0,
          tf.TensorArray(tf.int64, num_blocks, element_shape=[rows]),
          tf.TensorArray(points.dtype, num_blocks, element_shape=[rows]),
          _zero_sums(prepared, weights) if with_sums else [],
      ),
      parallel_iterations=_PARALLEL_BLOCKS,
  )
  index, distance = (tf.reshape(a.stack(), [-1]) for a in (indices, distances_))
  if n is None or n % rows:
    begin = num_blocks * rows
    last_index, last_distance, last_sums = _block(
        points[begin:],
        None if weights is None else weights[begin:],
        prepared,
        with_sums,
    )
    index = tf.concat([index, last_index], axis=0)
    distance = tf.concat([distance, last_distance], axis=0)
    sums = _added(sums, last_sums)
  index.set_shape([n])
  distance.set_shape([n])
  return index, distance, sums


def _zero_sums(prepared, weights) -> List[tf.Tensor]:
  counts_dtype = tf.int64 if weights is None else weights.dtype
  return [
      tf.zeros_like(prepared.factors),
      tf.zeros(prepared.offsets.shape, counts_dtype),
  ]


def _added(sums, more):
  return [total + part for total, part in zip(sums, more)]


def _block(points, weights, prepared, with_sums):
  """Returns index, distance, and a list: values and totals if `with_sums`."""
  if prepared.metric == distances.COSINE_DISTANCE:
    points = distances.l2_normalize(points)
  scores = prepared.scores(points)
  index = scores.nearest()
  distance = tf.reduce_min(scores.values, axis=1)
  distance += distances.half_or_whole_square(scores.shifted, prepared.metric)
  if scores.is_zero is not None:
    distance = tf.where(scores.is_zero, tf.ones_like(distance), distance)
  if not with_sums:
    return index, distance, []
  k = sizes.rows(prepared.factors)
  summands = scores.shifted
  if weights is None:
    # TensorFlow has no GPU kernel that sums int64 by segment.
    ones = tf.ones_like(index, tf.int32)
    totals = tf.cast(tf.math.unsorted_segment_sum(ones, index, k), tf.int64)
  else:
    summands *= tf.expand_dims(weights, 1)
    totals = tf.math.unsorted_segment_sum(weights, index, k)
  values = tf.math.unsorted_segment_sum(summands, index, k)
  return index, distance, [values, totals]
