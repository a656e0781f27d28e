"""Distances between points and centers, and what a step sums over them."""

from typing import NamedTuple, Tuple

import tensorflow as tf

SQUARED_EUCLIDEAN_DISTANCE = 'squared_euclidean'
COSINE_DISTANCE = 'cosine'


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
    As `x`. Zero rows stay zero; rows with NaN or Inf become NaN.
  """
  largest = tf.reduce_max(tf.abs(x), axis=1, keepdims=True)
  scaled = tf.math.divide_no_nan(x, largest)
  norm = tf.sqrt(tf.reduce_sum(tf.square(scaled), axis=1, keepdims=True))
  return tf.math.divide_no_nan(scaled, norm)


def _origin(centers):
  """`[d]`: the center nearest to the mean of the centers that are not 0."""
  used = tf.cast(
      tf.reduce_any(tf.not_equal(centers, 0), axis=1, keepdims=True),
      centers.dtype)
  mean = tf.math.divide_no_nan(
      tf.reduce_sum(centers, axis=0), tf.reduce_sum(used))
  nearest = tf.argmin(tf.reduce_sum(tf.square(centers - mean), axis=1))
  return tf.gather(centers, nearest)


def pairwise(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> tf.Tensor:
  """Distance from every point to every center.

  Squared Euclidean distances come from the expanded square
  `|x|^2 - 2 x.c + |c|^2`, with points and centers first shifted to a common
  origin, one of the centers: without that, the terms cancel for data far from
  0. The shift depends on the centers alone, so that a bad row stays alone.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    `[n, k]` of the points' dtype; not negative. Rows that hold NaN or Inf are
    not finite, and no other row is touched by them.
  """
  if metric == COSINE_DISTANCE:
    return tf.maximum(
        1 - tf.matmul(points, centers, transpose_b=True), 0)
  origin = _origin(centers)
  # A subtraction would broadcast a single column where the number of columns
  # is only known when the graph runs; this refuses it, with both numbers.
  points = tf.nn.bias_add(points, -origin)
  centers -= origin
  products = tf.matmul(points, centers * -2, transpose_b=True)
  products = tf.nn.bias_add(products, tf.reduce_sum(tf.square(centers), axis=1))
  return tf.maximum(
      products + tf.reduce_sum(tf.square(points), axis=1, keepdims=True), 0)


def nearest(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> Allocation:
  """The nearest center of each point, and the distance to it.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    An `Allocation`. The distance of a row that holds NaN or Inf is not finite.
  """
  distances = pairwise(points, centers, metric)
  return Allocation(
      tf.argmin(distances, axis=1), tf.reduce_min(distances, axis=1))


def allocate(
    points: tf.Tensor,
    centers: tf.Tensor,
    metric: str,
) -> Tuple[Allocation, tf.Tensor, tf.Tensor]:
  """Allocates points to centers and sums them up by center.

  Args:
    points: Float `[n, d]`; for the cosine metric with rows of unit length.
    centers: As points, `[k, d]`; likewise.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.

  Returns:
    allocation: An `Allocation`. The distance of a row that holds NaN or Inf is
      not finite.
    sums: `[k, d]` of the points' dtype, the sum of each center's points.
    counts: int64 `[k]`, how many they are.
  """
  allocation = nearest(points, centers, metric)
  num_clusters = centers.shape[0]
  sums = tf.math.unsorted_segment_sum(points, allocation.index, num_clusters)
  counts = tf.math.unsorted_segment_sum(
      tf.ones_like(allocation.index, tf.int32), allocation.index, num_clusters)
  return allocation, sums, tf.cast(counts, tf.int64)
