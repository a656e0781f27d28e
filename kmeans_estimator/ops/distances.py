# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Distances between points and centers, and what a step sums over them.

Distances come from the expanded square `|x|^2 - 2 x.c + |c|^2`, so that most of
the work is one matrix product. Its terms cancel for data far from 0. Therefore
points and centers are first shifted to a common origin, one of the centers:
what remains to cancel is the extent of the data, not its place. Large training
steps on a CPU leave that out where 0 is as good an origin.

The cosine distance is half the squared Euclidean distance of unit vectors. That
form, too, is exact for vectors that are nearly alike, where `1 - u.v` rounds
to 0.
"""

import math
import sys
from typing import NamedTuple, Optional, Tuple

import numpy as np
import tensorflow as tf

SQUARED_EUCLIDEAN_DISTANCE = 'squared_euclidean'
COSINE_DISTANCE = 'cosine'

# Batches of more coordinates or distances than this are worked off in blocks.
_MAX_AT_ONCE = 2**20
# Coordinates or distances in a block: 8 MB of float32.
_BLOCK_ELEMENTS = 2**21
# More rows make a block no faster, fewer make it slow, whatever its width.
_MAX_BLOCK_ROWS = 4096
_MIN_BLOCK_ROWS = 64
_PARALLEL_BLOCKS = 2
# A GPU or TPU would be idle most of the time with these. Its blocks have 512 MB
# of float32.
_ACCELERATOR_BLOCK_ELEMENTS = 2**27
_MAX_ACCELERATOR_BLOCK_ROWS = 2**20
# Begins of blocks are then aligned in memory, and slices of it need no copy.
_ROWS_MULTIPLE = 16
# How many times larger than around the centers squares around 0 may be.
_FAR = 4.0
# Multiplications in a batch from which ops pay that make others cheaper.
_MIN_LARGE_WORK = 2**20
# Rows that a batch is thought to have where nobody says.
_ASSUMED_ROWS = 1024
# With more centers, TensorFlow's matrix product, which is fitted to the
# processor it runs on, is ahead of the one in the CPU's search kernel.
_MAX_NATIVE_CENTERS = 256
# TensorFlow 2.13 has it, but does not show it.
_HAS_SEARCH_KERNEL = hasattr(tf.raw_ops, 'NearestNeighbors')
# Columns of a matrix that SparseTensorDenseMatMul adds up in a plain loop.
_MAX_LOOP_COLUMNS = 31


class Allocation(NamedTuple):
  """The nearest center of each point.

  Attributes:
    index: int64 `[n]`, the nearest center; the earliest one on a tie.
    distance: `[n]` of the points' dtype, the distance to that center.
  """

  index: tf.Tensor
  distance: tf.Tensor


def l2_normalize(x: tf.Tensor) -> tf.Tensor:
  """Scales each row to unit length.

  The row is first divided by its largest magnitude, so that neither tiny nor
  huge rows lose their squares to underflow or overflow.

  Args:
    x: Float `[n, d]`.

  Returns:
    As `x`. Zero rows stay zero; rows with NaN or Inf hold NaN.
  """
  largest = tf.reduce_max(tf.abs(x), axis=1, keepdims=True)
  scaled = tf.math.divide_no_nan(x, largest)
  norm = tf.sqrt(tf.reduce_sum(tf.square(scaled), axis=1, keepdims=True))
  return tf.math.divide_no_nan(scaled, norm)


def pairwise(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> tf.Tensor:
  """Distance from every point to every center.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length or 0.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    `[n, k]` of the points' dtype; not negative. Rows that hold NaN or Inf are
    not finite, and no other row is touched by them.
  """
  prepared = _prepare(centers, metric)
  shifted = _shift(points, prepared.origin)
  distances = tf.maximum(
      _relative(shifted, prepared)
      + tf.expand_dims(_half_or_whole_square(shifted, metric), 1),
      0,
  )
  if metric == COSINE_DISTANCE:
    # A scalar: TensorFlow Lite crashes on filling a matrix without rows.
    distances = tf.where(
        tf.expand_dims(_is_zero(points), 1),
        tf.constant(1, distances.dtype),
        distances,
    )
  return distances


def nearest(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> Allocation:
  """The nearest center of each point, and the distance to it.

  No more than a few blocks of the matrix of distances are held at a time, if
  the number of centers and columns is known.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length or 0.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    An `Allocation`. The distance of a row that holds NaN or Inf is not finite.
  """
  allocation, _ = _allocate(points, centers, metric, with_sums=False)
  return allocation


def allocate(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> Tuple[Allocation, tf.Tensor, tf.Tensor]:
  """Allocates points to centers and sums them up by center.

  Memory is bounded as in `nearest`. Sums are taken of the shifted points: far
  from 0, a float32 sum of the points themselves would round their differences
  away.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length or 0.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    allocation: An `Allocation`. The distance of a row that holds NaN or Inf is
      not finite.
    sums: `[k, d]` of the points' dtype, the sum of each center's points.
    counts: int64 `[k]`, how many they are.
  """
  allocation, sums = _allocate(points, centers, metric, with_sums=True)
  return (allocation, *sums)


class _Prepared(NamedTuple):
  """What distances to some centers are computed from.

  Attributes:
    metric: the metric.
    origin: `[d]`, what points are to be shifted by.
    centers: `[k, d]`, the shifted centers.
    factors: `[k, d]`, what the products with shifted points are taken with.
    offsets: `[k]`, what is added to the products.
    is_far: bool scalar, whether the origin is not 0; None if it is to be taken
      for that.
    transposed: whether factors are `[d, k]` instead.
  """

  metric: str
  origin: tf.Tensor
  centers: tf.Tensor
  factors: tf.Tensor
  offsets: tf.Tensor
  is_far: Optional[tf.Tensor] = None
  transposed: bool = False


def _prepare(centers, metric, origin=None, is_far=None):
  if origin is None:
    origin = _origin(centers)
  shifted = centers - origin
  offsets = _half_or_whole_square(shifted, metric)
  if metric == COSINE_DISTANCE:
    # At distance 1 from everything, as 1 - u.v says.
    offsets += tf.where(
        _is_zero(centers),
        tf.constant(0.5, centers.dtype),
        tf.constant(0, centers.dtype),
    )
    return _Prepared(metric, origin, shifted, -shifted, offsets, is_far)
  return _Prepared(metric, origin, shifted, shifted * -2, offsets, is_far)


def _origin(centers):
  """`[d]`: the center nearest to the mean of the centers that are not 0.

  An emptied center is 0, and is not to draw the origin away from the data.
  """
  is_used = tf.reduce_any(tf.cast(centers, tf.bool), axis=1)
  num_used = tf.reduce_sum(tf.cast(is_used, centers.dtype))
  mean = tf.math.divide_no_nan(tf.reduce_sum(centers, axis=0), num_used)
  squares = tf.reduce_sum(tf.math.squared_difference(centers, mean), axis=1)
  return tf.gather(centers, tf.argmin(squares))


def _is_far(origin, centers):
  """Whether to shift is worth a pass over the points.

  It is not where 0 is about as near to most centers as the origin is: squares
  then cancel hardly more. Of the distances from the origin to the centers their
  median is taken, so that a few centers far off do not count.
  """
  squares = tf.reduce_sum(tf.math.squared_difference(centers, origin), axis=1)
  # Emptied centers are 0 and say nothing about the data.
  is_used = tf.reduce_any(tf.cast(centers, tf.bool), axis=1)
  squares = tf.where(is_used, squares, tf.zeros_like(squares))
  smaller_half = (centers.shape.as_list()[0] + 1) // 2
  median = -tf.math.top_k(-squares, smaller_half).values[-1]
  return tf.reduce_sum(tf.square(origin)) > _FAR * median


def _shift(points, origin):
  # A subtraction would broadcast a single column, which may come when the graph
  # runs: nobody checks what a loaded SavedModel is fed, whatever its signature
  # says. This refuses it, with both numbers, and is as fast.
  return tf.nn.bias_add(points, -origin)


def _half_or_whole_square(shifted, metric):
  squares = tf.reduce_sum(tf.square(shifted), axis=1)
  return squares * 0.5 if metric == COSINE_DISTANCE else squares


def _is_zero(x):
  return tf.equal(tf.reduce_max(tf.abs(x), axis=1), 0)


def _relative(shifted, prepared):
  """`[n, k]`: the distances less a term that is the same for a whole row."""
  products = tf.matmul(
      shifted, prepared.factors, transpose_b=not prepared.transposed
  )
  return tf.nn.bias_add(products, prepared.offsets)


def _allocate(points, centers, metric, with_sums):
  """Returns an `Allocation` and, if asked for, sums and counts."""
  n = points.shape.as_list()[0]
  k, d = centers.shape.as_list()
  origin, is_far = _origin(centers), None
  on_cpu = _is_for_cpu(origin)
  if on_cpu and with_sums and _is_large(n, centers):
    is_far = _is_far(origin, centers)
    origin *= tf.cast(is_far, origin.dtype)
  prepared = _prepare(centers, metric, origin, is_far)
  at_once, elements, max_rows = _MAX_AT_ONCE, _BLOCK_ELEMENTS, _MAX_BLOCK_ROWS
  if _is_for_accelerator(prepared.origin):
    at_once = elements = _ACCELERATOR_BLOCK_ELEMENTS
    max_rows = _MAX_ACCELERATOR_BLOCK_ROWS
  if not centers.shape.is_fully_defined() or (
      n is not None and n <= max(at_once // max(k, d), _MIN_BLOCK_ROWS)
  ):
    work = _make_worker(n, prepared, with_sums, on_cpu)
    index, distance, sums = work(points)
  else:
    if points.shape.as_list()[1] != d:
      points = tf.ensure_shape(points, [n, d])
    rows = _block_rows(n, max(elements // max(k, d), _MIN_BLOCK_ROWS), max_rows)
    index, distance, sums = _in_blocks(
        points, prepared, with_sums, on_cpu, rows
    )
  allocation = Allocation(index, tf.maximum(distance, 0))
  if not with_sums:
    return allocation, None
  counts = _count(index, tf.shape(centers)[0] if k is None else k, on_cpu)
  shifts = tf.expand_dims(tf.cast(counts, centers.dtype), 1) * prepared.origin
  return allocation, (sums[0] + shifts, tf.cast(counts, tf.int64))


def _in_blocks(points, prepared, with_sums, on_cpu, rows):
  """As a worker, but for points to be worked off in blocks.

  The blocks have one static size, so that XLA can compile the loop. Rows that
  do not fill a block come last.
  """
  n, d = points.shape.as_list()
  # Once here, instead of in every matrix product.
  prepared = prepared._replace(
      factors=tf.transpose(prepared.factors), transposed=True
  )
  num_rows = tf.shape(points)[0] if n is None else n
  num_blocks = num_rows // rows
  flat = tf.reshape(points, [-1])
  work = _make_worker(rows, prepared, with_sums, on_cpu)

  def body(number, indices, distances, sums):
    # Slices of a vector are views; TensorFlow copies those of a matrix.
    begin = tf.cast(number, tf.int64) * (rows * d)
    block = tf.reshape(tf.slice(flat, [begin], [rows * d]), [rows, d])
    index, distance, block_sums = work(block)
    return (
        number + 1,
        indices.write(number, index),
        distances.write(number, distance),
        [total + part for total, part in zip(sums, block_sums)],
    )

  _, indices, distances, sums = tf.while_loop(
      lambda number, *_: number < num_blocks,
      body,
      (
          0,
          tf.TensorArray(tf.int64, num_blocks, element_shape=[rows]),
          tf.TensorArray(points.dtype, num_blocks, element_shape=[rows]),
          [tf.zeros_like(prepared.centers)] if with_sums else [],
      ),
      parallel_iterations=_PARALLEL_BLOCKS,
  )
  index, distance = (tf.reshape(a.stack(), [-1]) for a in (indices, distances))
  if n is None or n % rows:
    last = points[num_blocks * rows :]
    last_rows = last.shape.as_list()[0]
    work = _make_worker(last_rows, prepared, with_sums, on_cpu)
    last_index, last_distance, last_sums = work(last)
    index = tf.concat([index, last_index], axis=0)
    distance = tf.concat([distance, last_distance], axis=0)
    sums = [total + part for total, part in zip(sums, last_sums)]
  index.set_shape([n])
  distance.set_shape([n])
  return index, distance, sums


def _block_rows(n, *most):
  """Rows of a block: of `n`, if that is known, a divisor where there is one."""
  limit = min(most)
  limit -= limit % _ROWS_MULTIPLE
  if n is not None:
    for rows in range(limit, limit // 2, -_ROWS_MULTIPLE):
      if n % rows == 0:
        return rows
  return limit


def _make_worker(num_rows, prepared, with_sums, on_cpu):
  """Chooses the ops that allocate some rows, and add them up.

  Args:
    num_rows: how many rows, None if that is not known.
    prepared: of the centers.
    with_sums: whether sums are wanted.
    on_cpu: whether ops may be used that only CPUs have, or have well.

  Returns:
    A function from points `[num_rows, d]` to index `[num_rows]`, distance
    `[num_rows]` and a list: sums of the shifted points, if they are wanted.
    What depends on no row is computed outside of it, once for all blocks.
  """
  k, d = prepared.centers.shape.as_list()
  large = _is_large(num_rows, prepared.centers)
  shift = _make_shift(num_rows if large else None, prepared)
  search = _search
  if (
      _HAS_SEARCH_KERNEL
      and large
      and on_cpu
      and with_sums
      and k <= _MAX_NATIVE_CENTERS
      and prepared.metric == SQUARED_EUCLIDEAN_DISTANCE
      and prepared.centers.dtype == tf.float32
  ):
    search = _search_natively
  add_up = _make_add_up(num_rows, prepared, sparsely=large and on_cpu)

  def work(points):
    shifted = shift(points)
    index, distance = search(points, shifted, prepared)
    return index, distance, [add_up(shifted, index)] if with_sums else []

  return work


def _is_large(num_rows, centers):
  """Whether ops pay that cost some time and save more with every row."""
  rows = _ASSUMED_ROWS if num_rows is None else num_rows
  return (
      rows > 0
      and centers.shape.is_fully_defined()
      and rows * centers.shape.num_elements() >= _MIN_LARGE_WORK
  )


def _is_for_cpu(tensor):
  """Whether what is made where this tensor was made will run on a CPU.

  Not where a GPU might take it or XLA compile it: functions are made without
  knowing which.
  """
  if tf.executing_eagerly() or tensor.graph.building_function:
    return False
  if sys.byteorder != 'little':
    return False
  return not _is_for_accelerator(tensor) and not any(
      name.startswith('_Xla') for name in tensor.op.node_def.attr
  )


def _is_for_accelerator(tensor):
  """Whether a GPU or TPU might take what is made where this tensor was made."""
  if any(tf.config.list_physical_devices(kind) for kind in ('GPU', 'TPU')):
    return True
  device = tf.DeviceSpec.from_string(tensor.device).device_type
  if device not in (None, 'CPU'):
    return True
  return not tf.executing_eagerly() and any(
      name.startswith('_tpu') for name in tensor.op.node_def.attr
  )


def _make_shift(num_rows, prepared):
  d = prepared.origin.shape.as_list()[0]
  # Broadcasting a short row is slow. Several rows are as good as a long one.
  several = math.gcd(num_rows, _ROWS_MULTIPLE) if num_rows else 1
  origins = tf.tile(prepared.origin, [several]) if several > 1 else None

  def shift(points):
    if several == 1:
      return _shift(points, prepared.origin)
    long_rows = tf.reshape(points, [num_rows // several, several * d])
    return tf.reshape(long_rows - origins, [num_rows, d])

  if prepared.is_far is None:
    return shift

  def shift_if_far(points):
    # What tf.cond was made of before it made functions, for three nodes.
    near, far = tf.raw_ops.Switch(data=points, pred=prepared.is_far)
    shifted = tf.raw_ops.Merge(inputs=[near, shift(far)]).output
    shifted.set_shape([num_rows, d])
    return shifted

  return shift_if_far


def _search(points, shifted, prepared):
  """Index and distance of the nearest centers, by ops that any device has."""
  index, least = _argmin(_relative(shifted, prepared))
  distance = least + _half_or_whole_square(shifted, prepared.metric)
  if prepared.metric == COSINE_DISTANCE:
    is_zero = _is_zero(points)
    index = tf.where(is_zero, tf.zeros_like(index), index)
    distance = tf.where(is_zero, tf.ones_like(distance), distance)
  return index, distance


def _search_natively(points, shifted, prepared):
  """As `_search`, by a kernel that only CPUs have."""
  del points
  rows = shifted.shape[:1]
  if not rows.is_fully_defined():
    # The kernel refuses an empty batch.
    shifted = tf.pad(shifted, [[0, 1], [0, 0]])
  index, distance = tf.raw_ops.NearestNeighbors(
      points=shifted, centers=prepared.centers, k=1
  )
  if not rows.is_fully_defined():
    index, distance = index[:-1], distance[:-1]
    rows = [-1]
  return tf.reshape(index, rows), tf.reshape(distance, rows)


def _argmin(scores):
  """Index and value of the least element of each row, the earliest on a tie.

  On a CPU, TensorFlow's argmin of a row costs several times its minimum.
  Therefore the index of long rows is sought in two steps: in the minima of
  groups, and in the group where the minimum is.
  """
  size = _group_size(scores.shape.as_list()[1])
  if size is None:
    return tf.argmin(scores, axis=1), tf.reduce_min(scores, axis=1)
  num_groups = scores.shape.as_list()[1] // size
  minima = tf.reduce_min(tf.reshape(scores, [-1, num_groups, size]), axis=2)
  group = tf.argmin(minima, axis=1)
  first = tf.range(tf.shape(scores, tf.int64)[0]) * num_groups
  members = tf.gather(tf.reshape(scores, [-1, size]), first + group)
  return (
      group * size + tf.argmin(members, axis=1),
      tf.reduce_min(minima, axis=1),
  )


def _group_size(k):
  """The divisor of `k` nearest to 64, or None if there are no good ones."""
  if k is None or k < 128:
    return None
  return min(
      (size for size in range(24, 129) if k % size == 0),
      key=lambda size: abs(size - 64),
      default=None,
  )


def _make_add_up(num_rows, prepared, sparsely):
  """Chooses how rows are added up by the index of their center.

  Args:
    num_rows: how many rows, None if that is not known.
    prepared: of the centers.
    sparsely: whether to use a matrix product that only suits CPUs.

  Returns:
    A function from `[num_rows, d]` and int64 `[num_rows]` to `[k, d]`.
  """
  k, d = prepared.centers.shape.as_list()
  num_parts = _num_parts(d) if sparsely else None
  if num_parts is None:
    k = tf.shape(prepared.centers)[0] if k is None else k
    return lambda rows, index: tf.math.unsorted_segment_sum(rows, index, k)

  # Sums are the product of a sparse matrix, with a 1 in column i of row
  # index[i], and the rows. Its kernel is only fast for few columns. Therefore a
  # row is cut into parts: part q of row i goes to part q of row index[i].
  #
  # The ones' places are pairs of int32, made as one int64 each in half the
  # time: the lower half says which part is added, the upper one to which.
  part = np.arange(num_parts, dtype=np.int64)

  def make_ones(num_rows):
    num_ones = num_rows * num_parts
    first = tf.range(num_rows, dtype=tf.int64) * num_parts
    places = tf.expand_dims(first, 1) + (part + (part << 32))
    values = tf.ones([num_ones], prepared.centers.dtype)
    shape = tf.convert_to_tensor([num_ones, k * num_parts], tf.int64)
    return places, values, shape

  known_ones = None if num_rows is None else make_ones(num_rows)

  def add_up(rows, index):
    places, values, shape = known_ones or make_ones(tf.shape(rows, tf.int64)[0])
    places += tf.expand_dims(index * (num_parts << 32), 1)
    sums = tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.reshape(tf.bitcast(places, tf.int32), [-1, 2]),
        a_values=values,
        a_shape=shape,
        b=tf.reshape(rows, [-1, d // num_parts]),
        adjoint_a=True,
    )
    return tf.reshape(sums, [k, d])

  return add_up


def _num_parts(d):
  """Fewest equal parts of a row that are short, or None if all are tiny."""
  return next(
      (
          parts
          for parts in range(1, max(d // 8, 1) + 1)
          if d % parts == 0 and d // parts <= _MAX_LOOP_COLUMNS
      ),
      None,
  )


def _count(index, k, on_cpu):
  """int32 `[k]`: how often each index occurs."""
  if on_cpu:
    return tf.raw_ops.Bincount(
        arr=tf.cast(index, tf.int32), size=k, weights=tf.constant([], tf.int32)
    )
  return tf.math.unsorted_segment_sum(
      tf.ones_like(index, tf.int32), index, k
  )
