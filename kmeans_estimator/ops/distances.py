# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Distances between points and centers.

The squared Euclidean distance is expanded, so that most of the work is one
matrix product:

    |x - c|^2 = |x|^2 - 2 x.c + |c|^2

These terms cancel for data far from 0. Points and centers are therefore shifted
to a common origin first; what remains to cancel is the extent of the data, not
its place.

The cosine distance 1 - u.v of unit vectors is half their squared Euclidean
distance. That form is exact for vectors that are nearly alike, where `1 - u.v`
rounds to 0.
"""

from typing import NamedTuple

import tensorflow as tf

SQUARED_EUCLIDEAN_DISTANCE = 'squared_euclidean'
COSINE_DISTANCE = 'cosine'

# A batch's origin is found from 16 to 31 of its rows.
_ORIGIN_ROWS = 16


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
    points: tf.Tensor, centers: tf.Tensor, metric: str
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
  return scores(points, centers, metric).distances()


class Scores(NamedTuple):
  """Distances before the term that is the same for a whole row.

  Attributes:
    metric: the metric.
    points: `[n, d]`, as given.
    shifted: `[n, d]`, the points shifted to the origin.
    values: `[n, k]`, the distances less the square (for the cosine metric: half
      the square) of the shifted point. The order within a row is theirs.
  """

  metric: str
  points: tf.Tensor
  shifted: tf.Tensor
  values: tf.Tensor

  def distances(self) -> tf.Tensor:
    """The distances, `[n, k]`."""
    squares = tf.expand_dims(half_or_whole_square(self.shifted, self.metric), 1)
    result = tf.maximum(self.values + squares, 0)
    if self.metric != COSINE_DISTANCE:
      return result
    # A scalar: TensorFlow Lite crashes on filling a matrix without rows.
    return tf.where(
        tf.expand_dims(is_zero(self.points), 1),
        tf.constant(1, result.dtype),
        result,
    )

  def nearest(self) -> tf.Tensor:
    """int64 `[n]`: the nearest center; the earliest one on a tie."""
    index = tf.argmin(self.values, axis=1)
    if self.metric != COSINE_DISTANCE:
      return index
    return tf.where(is_zero(self.points), tf.zeros_like(index), index)


class Centers(NamedTuple):
  """What scores with some centers are computed from.

  Attributes:
    metric: the metric.
    origin: `[d]`, what points are shifted by.
    factors: `[k, d]`, what the shifted points are multiplied with.
    offsets: `[k]`, what is added to the products.
  """

  metric: str
  origin: tf.Tensor
  factors: tf.Tensor
  offsets: tf.Tensor

  def scores(self, points: tf.Tensor) -> Scores:
    """Scores of points, `[n, d]`."""
    # A subtraction would broadcast a single column, which may come when the
    # graph runs: nobody checks what a loaded SavedModel is fed, whatever its
    # signature says. This refuses it, with both numbers, and is as fast.
    shifted = tf.nn.bias_add(points, -self.origin)
    products = tf.matmul(shifted, self.factors, transpose_b=True)
    return Scores(
        self.metric, points, shifted, tf.nn.bias_add(products, self.offsets)
    )


def prepare(
    centers: tf.Tensor, metric: str, origin: tf.Tensor
) -> Centers:
  """Computes what depends on no point.

  Args:
    centers: Float `[k, d]`; for the cosine metric with rows of unit length or
      0.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.
    origin: `[d]`, a place near the data.
  """
  shifted = centers - origin
  offsets = half_or_whole_square(shifted, metric)
  if metric != COSINE_DISTANCE:
    return Centers(metric, origin, shifted * -2, offsets)
  # Zero centers are at distance 1 from everything, as 1 - u.v says.
  offsets += tf.where(
      is_zero(centers),
      tf.constant(0.5, centers.dtype),
      tf.constant(0, centers.dtype),
  )
  return Centers(metric, origin, -shifted, offsets)


def scores(points: tf.Tensor, centers: tf.Tensor, metric: str) -> Scores:
  """The scores that both distances and nearest centers follow from.

  Args:
    points: as in `pairwise`.
    centers: as in `pairwise`.
    metric: as in `pairwise`.

  Returns:
    `Scores`, whose origin depends on the centers alone: no row changes what is
    said of another.
  """
  return prepare(centers, metric, center_origin(centers)).scores(points)


def center_origin(centers: tf.Tensor) -> tf.Tensor:
  """`[d]`: the center nearest to the mean of the centers that are not 0.

  TensorFlow's own KMeans leaves empty clusters at 0, which is not to draw the
  origin away from the data.

  Args:
    centers: Float `[k, d]`.
  """
  is_used = tf.reduce_any(tf.cast(centers, tf.bool), axis=1)
  num_used = tf.reduce_sum(tf.cast(is_used, centers.dtype))
  mean = tf.math.divide_no_nan(tf.reduce_sum(centers, axis=0), num_used)
  squares = tf.reduce_sum(tf.math.squared_difference(centers, mean), axis=1)
  return tf.gather(centers, tf.argmin(squares))


def sample(points: tf.Tensor) -> tf.Tensor:
  """Some rows, spread over the batch; a row of zeros if it has none.

  Args:
    points: Float `[n, d]`.

  Returns:
    `[m, d]`, m at least 1 and below twice `_ORIGIN_ROWS`.
  """
  n = tf.compat.dimension_value(points.shape[0])
  if n is not None:
    if n == 0:
      return tf.zeros([1, *points.shape[1:]], points.dtype)
    return points[:: max(n // _ORIGIN_ROWS, 1)]
  n = tf.shape(points)[0]
  rows = points[:: tf.maximum(n // _ORIGIN_ROWS, 1)]
  return tf.pad(rows, [[0, tf.cast(tf.equal(n, 0), tf.int32)], [0, 0]])


def median(rows: tf.Tensor) -> tf.Tensor:
  """The median of each row, `[m]`; of two the lower one.

  Args:
    rows: Float `[m, n]`, n at least 1.
  """
  n = tf.compat.dimension_value(rows.shape[1])
  half = (tf.shape(rows)[1] if n is None else n) // 2 + 1
  return tf.reduce_min(tf.math.top_k(rows, half).values, axis=1)


def batch_origin(points: tf.Tensor) -> tf.Tensor:
  """`[d]`: the median of some rows in each column.

  It depends on the batch alone, and a few outliers do not move it.

  Args:
    points: Float `[n, d]`.

  Returns:
    A finite place near most points; 0 for a batch without rows.
  """
  origin = median(tf.transpose(sample(points)))
  return tf.where(tf.math.is_finite(origin), origin, tf.zeros_like(origin))


def half_or_whole_square(shifted: tf.Tensor, metric: str) -> tf.Tensor:
  """`[n]`: the square of each row, for the cosine metric half of it."""
  squares = tf.reduce_sum(tf.square(shifted), axis=1)
  return squares * 0.5 if metric == COSINE_DISTANCE else squares


def is_zero(x: tf.Tensor) -> tf.Tensor:
  """bool `[n]`: which rows are 0."""
  return tf.equal(tf.reduce_max(tf.abs(x), axis=1), 0)
