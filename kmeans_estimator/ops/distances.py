# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Distances between points and centers.

The squared Euclidean distance is expanded, so that most of the work is one
matrix product:

    |x - c|^2 = |x|^2 - 2 x.c + |c|^2

For data far from 0 these terms are large and cancel. Points and centers are
therefore first shifted to a common origin near the data: rounding errors then
grow with the extent of the data, not with its distance from 0.

The cosine distance 1 - u.v of unit vectors is half their squared Euclidean
distance. That form is accurate for nearly equal vectors, where `1 - u.v` rounds
to 0.
"""

from typing import NamedTuple, Optional

import tensorflow as tf

from kmeans_estimator.ops import sizes

SQUARED_EUCLIDEAN_DISTANCE = 'squared_euclidean'
COSINE_DISTANCE = 'cosine'

# The origin of a batch is computed from 16 to 31 of its rows, or from all rows
# if it has fewer.
_ORIGIN_ROWS = 16


def l2_normalize(x: tf.Tensor) -> tf.Tensor:
  """Scales each row to unit length.

  Each row is first divided by its largest magnitude, so that the squares of
  tiny rows do not underflow and the squares of huge rows do not overflow.

  Args:
    x: Float `[n, d]`.

  Returns:
    Shape and dtype of `x`. Zero rows stay zero; rows with NaN or Inf hold NaN.
  """
  largest = tf.reduce_max(tf.abs(x), axis=1, keepdims=True)
  scaled = tf.math.divide_no_nan(x, largest)
  norm = tf.sqrt(tf.reduce_sum(tf.square(scaled), axis=1, keepdims=True))
  return tf.math.divide_no_nan(scaled, norm)


def pairwise(
    points: tf.Tensor, centers: tf.Tensor, metric: str
) -> tf.Tensor:
  """Computes the distance from every point to every center.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length or 0.
    centers: `[k, d]` of the points' dtype; for the cosine metric with rows of
      unit length or 0.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    `[n, k]` of the points' dtype; not negative. A point with NaN or Inf makes
    only its row of distances non-finite.
  """
  return scores(points, centers, metric).distances()


class Scores(NamedTuple):
  """Distances without the term that is constant within a row.

  Attributes:
    metric: the metric.
    is_zero: bool `[n]`, which points are 0 before the shift; None unless the
      metric is cosine.
    shifted: `[n, d]`, the points shifted to the origin.
    values: `[n, k]`, the distances minus the square (for the cosine metric:
      half the square) of the shifted point. Within a row, scores and distances
      have the same order.
  """

  metric: str
  is_zero: Optional[tf.Tensor]
  shifted: tf.Tensor
  values: tf.Tensor

  def distances(self) -> tf.Tensor:
    """Returns the distances, `[n, k]`."""
    squares = tf.expand_dims(half_or_whole_square(self.shifted, self.metric), 1)
    result = tf.maximum(self.values + squares, 0)
    # The product of a huge point and a center may overflow to Inf of either
    # sign. Then the sum is NaN; the square is Inf, and so is the distance.
    result = tf.where(result >= 0, result, squares)
    if self.is_zero is None:
      return result
    # Broadcast a scalar: TensorFlow Lite crashes when it fills a matrix that
    # has no rows.
    return tf.where(
        tf.expand_dims(self.is_zero, 1),
        tf.constant(1, result.dtype),
        result,
    )

  def nearest(self) -> tf.Tensor:
    """Returns int64 `[n]`: the nearest center; on a tie, the lowest index.

    Two equal centers need not tie: the matrix product may round one column
    differently from another.
    """
    index = tf.argmin(self.values, axis=1)
    if self.is_zero is None:
      return index
    return tf.where(self.is_zero, tf.zeros_like(index), index)


class Centers(NamedTuple):
  """Centers, prepared for computing scores: shifted @ factors^T + offsets.

  Attributes:
    metric: the metric.
    origin: `[d]`, subtracted from the points.
    factors: `[k, d]`, multiplied with the shifted points.
    offsets: `[k]`, added to the products.
  """

  metric: str
  origin: tf.Tensor
  factors: tf.Tensor
  offsets: tf.Tensor

  def scores(self, points: tf.Tensor) -> Scores:
    """Computes the scores of points `[n, d]`."""
    # bias_add instead of a subtraction: a loaded SavedModel does not check its
    # input against its signature, and a subtraction would broadcast points that
    # have a single column. bias_add rejects them with an error that names both
    # numbers of columns, and is as fast.
    shifted = tf.nn.bias_add(points, -self.origin)
    products = tf.matmul(shifted, self.factors, transpose_b=True)
    return Scores(
        self.metric,
        is_zero(points) if self.metric == COSINE_DISTANCE else None,
        shifted,
        tf.nn.bias_add(products, self.offsets),
    )


def prepare(
    centers: tf.Tensor, metric: str, origin: tf.Tensor
) -> Centers:
  """Computes the part of the scores that depends only on the centers.

  Args:
    centers: Float `[k, d]`; for the cosine metric with rows of unit length or
      0.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.
    origin: `[d]`, a location near the data.
  """
  shifted = centers - origin
  offsets = half_or_whole_square(shifted, metric)
  if metric != COSINE_DISTANCE:
    return Centers(metric, origin, shifted * -2, offsets)
  # By 1 - u.v, a zero center is at distance 1 from every point.
  offsets += tf.where(
      is_zero(centers),
      tf.constant(0.5, centers.dtype),
      tf.constant(0, centers.dtype),
  )
  return Centers(metric, origin, -shifted, offsets)


def scores(points: tf.Tensor, centers: tf.Tensor, metric: str) -> Scores:
  """Computes scores, from which distances and nearest centers follow.

  Args:
    points: as in `pairwise`.
    centers: as in `pairwise`.
    metric: as in `pairwise`.

  Returns:
    `Scores` shifted to an origin that depends only on the centers. So no point
    affects the scores of another point.
  """
  return prepare(centers, metric, center_origin(centers)).scores(points)


def center_origin(centers: tf.Tensor) -> tf.Tensor:
  """Returns the center nearest to the mean of the nonzero centers, `[d]`.

  Centers at 0 do not count: checkpoints of TensorFlow's KMeans hold empty
  clusters at 0, which would draw the origin away from the data.

  Args:
    centers: Float `[k, d]`.
  """
  is_used = tf.reduce_any(tf.cast(centers, tf.bool), axis=1)
  num_used = tf.reduce_sum(tf.cast(is_used, centers.dtype))
  mean = tf.math.divide_no_nan(tf.reduce_sum(centers, axis=0), num_used)
  squares = tf.reduce_sum(tf.math.squared_difference(centers, mean), axis=1)
  return tf.gather(centers, tf.argmin(squares))


def sample(points: tf.Tensor) -> tf.Tensor:
  """Takes evenly spaced rows of a batch; a zero row if the batch is empty.

  Args:
    points: Float `[n, d]`.

  Returns:
    `[m, d]`, m at least 1 and below twice `_ORIGIN_ROWS`.
  """
  n = sizes.rows(points)
  if isinstance(n, int) and n == 0:
    return tf.zeros([1, *points.shape[1:]], points.dtype)
  rows = points[:: sizes.maximum(n // _ORIGIN_ROWS, 1)]
  if isinstance(n, int):
    return rows
  return tf.pad(rows, [[0, tf.cast(tf.equal(n, 0), tf.int32)], [0, 0]])


def median(rows: tf.Tensor) -> tf.Tensor:
  """Computes the median of each row, `[m]`; for even n the lower of two.

  Args:
    rows: Float `[m, n]`, n at least 1.
  """
  half = sizes.columns(rows) // 2 + 1
  return tf.reduce_min(tf.math.top_k(rows, half).values, axis=1)


def finite_median(rows: tf.Tensor) -> tf.Tensor:
  """Computes the median of each row, `[m]`; 0 for a row where it is not finite.

  Args:
    rows: Float `[m, n]`, n at least 1.
  """
  middle = median(rows)
  return tf.where(tf.math.is_finite(middle), middle, tf.zeros_like(middle))


def batch_origin(points: tf.Tensor) -> tf.Tensor:
  """Computes an origin from a batch alone: the median of each column.

  The median of a `sample` of the rows suffices, and a few outliers do not move
  it.

  Args:
    points: Float `[n, d]`.

  Returns:
    `[d]`, finite, near most points; 0 for a batch without rows.
  """
  return finite_median(tf.transpose(sample(points)))


def half_or_whole_square(shifted: tf.Tensor, metric: str) -> tf.Tensor:
  """Returns `[n]`: each row's squared norm, half of it for cosine."""
  squares = tf.reduce_sum(tf.square(shifted), axis=1)
  return squares * 0.5 if metric == COSINE_DISTANCE else squares


def is_zero(x: tf.Tensor) -> tf.Tensor:
  """Returns bool `[n]`: which rows are 0."""
  return tf.equal(tf.reduce_max(tf.abs(x), axis=1), 0)
