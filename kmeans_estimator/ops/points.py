# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Validates points and weights: dtypes, shapes and values."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import checks
from kmeans_estimator.ops import native
from kmeans_estimator.ops import sizes

_SINGLE_PRECISION = (
    tf.float32, tf.float16, tf.bfloat16, tf.bool, tf.int8, tf.int16, tf.int32,
    tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64,
)  # pyformat: disable
_MAX_NAMED = 5
_NOT_FINITE = (
    'The batch holds NaN or Inf, or numbers so large that their squares'
    ' overflow (then no column is listed). Clean or rescale the input. Affected'
    ' rows, the first five:'
)
_WRONG_WEIGHTS = (
    'Weights must be finite and not negative, and their sum finite and above 0.'
    ' Rows with wrong weights, the first five (no row: only the sum is wrong):'
)


def float_dtype(dtype: tf.DType, name: str) -> tf.DType:
  """Returns the dtype in which input of a given dtype is clustered.

  Args:
    dtype: dtype of the input.
    name: name of the input in error messages.

  Returns:
    float64 for float64; float32 for other floats, integers and bool.

  Raises:
    TypeError: the dtype is not numeric.
  """
  if dtype == tf.float64:
    return tf.float64
  if dtype in _SINGLE_PRECISION:
    return tf.float32
  raise TypeError(
      f'{name} must hold numbers (float, integer or bool) to be clustered, got '
      f'dtype {dtype.name}.'
  )


def as_points(value: Any, name: str) -> tf.Tensor:
  """Converts a batch to a float matrix, one row per point.

  Args:
    value: numbers, `[n, d]`.
    name: name of the batch in error messages.

  Returns:
    float32 or float64 `[n, d]`, see `float_dtype`.

  Raises:
    TypeError: the batch does not hold numbers.
    ValueError: the batch is not a matrix, or has no columns.
  """
  points = tf.convert_to_tensor(value)
  dtype = float_dtype(points.dtype, name)
  if points.shape.rank is None:
    points = tf.ensure_shape(points, [None, None])
  if points.shape.rank != 2:
    raise ValueError(
        f'{name} must be of shape [n, d], one row for each point, got rank '
        f'{points.shape.rank} (shape {points.shape}).'
    )
  if points.shape[1] == 0:
    raise ValueError(f'{name} must have at least one column, got none.')
  return points if points.dtype == dtype else tf.cast(points, dtype)


def assert_finite(
    points: tf.Tensor, distance: tf.Tensor, total: tf.Tensor
) -> tf.Operation:
  """Fails if a batch holds NaN or Inf, and names the rows and columns.

  The check is cheap: it reads the distances, which the step has computed, and
  only those points whose distance is not finite.

  Args:
    points: `[n, d]`, the batch.
    distance: `[n]`, not finite for a row that holds NaN or Inf.
    total: scalar, not finite if any distance is not finite.

  Returns:
    An op. It raises `InvalidArgumentError` with the first rows and columns, at
    most five of each, that are not finite.
  """
  if placement.is_for_cpu(total) and native.is_available():
    return native.check_finite(points, distance, total, _NOT_FINITE)
  rows = _places_of_non_finite(distance)
  # A column that holds NaN or Inf in any of these rows has a non-finite sum.
  columns = _places_of_non_finite(
      tf.reduce_sum(tf.gather_nd(points, rows), axis=0)
  )
  return checks.assert_that(
      tf.math.is_finite(total),
      *(_NOT_FINITE, rows, 'columns:', columns),
      max_named=_MAX_NAMED,
  )


def as_weights(value: Any, points: tf.Tensor, name: str) -> tf.Tensor:
  """Converts the weights of a batch to a vector of the points' dtype.

  Args:
    value: numbers, `[n]` or `[n, 1]`.
    points: float `[n, d]`, the batch.
    name: name of the weights in error messages.

  Returns:
    `[n]` of the points' dtype. If a shape is unknown when the graph is built,
    evaluating the weights fails unless there is one weight per point.

  Raises:
    TypeError: the weights are not numeric.
    ValueError: the weights are known to have the wrong shape when the graph is
      built.
  """
  weights = tf.convert_to_tensor(value)
  float_dtype(weights.dtype, name)
  if weights.shape.rank is None:
    weights = tf.ensure_shape(weights, [None])
  if weights.shape.rank == 2 and weights.shape[1] == 1:
    weights = tf.squeeze(weights, 1)
  if weights.shape.rank != 1 or not weights.shape.is_compatible_with(
      points.shape[:1]
  ):
    n = points.shape[0]
    raise ValueError(
        f'{name} must be of shape [n] or [n, 1], one weight for each of the '
        f'{"n" if n is None else n} points, got shape {weights.shape}.'
    )
  if weights.dtype != points.dtype:
    weights = tf.cast(weights, points.dtype)
  if weights.shape.is_fully_defined() and points.shape[0] is not None:
    return weights
  num_weights, num_points = sizes.rows(weights), sizes.rows(points)
  check = checks.assert_that(
      tf.equal(num_weights, num_points),
      f'{name} must hold one weight for each point. Weights:',
      num_weights,
      'points:',
      num_points,
  )
  with tf.control_dependencies([check] if check is not None else []):
    return tf.identity(weights)


class Weighed(NamedTuple):
  """Weighted distances, and the sum and the least of the weights.

  If a weight is negative, its distance and the sum are NaN. So a step finds
  wrong weights in the loss, also on a TPU, where no op can fail.

  Attributes:
    distance: `[n]`, the distance of each point times its weight.
    total: scalar, the sum of the weights.
    lightest: scalar, the lightest weight above 0; 0 if no weight is above 0.
  """

  distance: tf.Tensor
  total: tf.Tensor
  lightest: tf.Tensor


def weigh(weights: tf.Tensor, distance: tf.Tensor) -> Weighed:
  """Multiplies distances by weights.

  Args:
    weights: float `[n]`.
    distance: `[n]` of the weights' dtype.

  Returns:
    A `Weighed`.
  """
  if placement.is_for_cpu(distance) and native.is_available():
    return Weighed(*native.weigh(weights, distance))
  usable = usable_weights(weights)
  return Weighed(
      usable * distance, tf.reduce_sum(usable), lightest_weight(weights)
  )


def usable_weights(weights: tf.Tensor) -> tf.Tensor:
  """Replaces negative weights by NaN, so that sums of weights show them.

  Args:
    weights: float `[n]`.
  """
  return tf.where(
      weights >= 0, weights, tf.constant(np.nan, weights.dtype)
  )


def assert_weights(weights: tf.Tensor, total: tf.Tensor) -> tf.Operation:
  """Fails if weights are not valid, and names their rows.

  Args:
    weights: float `[n]`, the weights as given.
    total: scalar, the sum of `usable_weights` over all replicas. It is positive
      and finite only if all weights are valid.

  Returns:
    An op. It raises `InvalidArgumentError` with the first weights, at most
    five, that are negative, NaN or infinite, and their rows. The error names no
    row if all weights are 0 or their sum overflows. A batch without rows
    passes.
  """
  if placement.is_for_cpu(total) and native.is_available():
    return native.check_weights(weights, total, _WRONG_WEIGHTS)
  rows = _places_of_non_finite(usable_weights(weights))
  condition = tf.math.is_finite(tf.math.log(total)) | tf.equal(
      tf.size(weights), 0
  )
  wrong = tf.gather_nd(weights, rows)
  return checks.assert_that(
      condition,
      _WRONG_WEIGHTS,
      rows,
      'weights:',
      wrong,
      max_named=_MAX_NAMED,
  )


def lightest_weight(weights: tf.Tensor) -> tf.Tensor:
  """Returns the lightest weight above 0; 0 if no weight is above 0.

  Args:
    weights: float `[n]`.
  """
  infinite = tf.constant(np.inf, weights.dtype)
  least = tf.reduce_min(tf.where(weights > 0, weights, infinite))
  return tf.where(least < infinite, least, tf.zeros_like(least))


def _places_of_non_finite(vector):
  return tf.where(tf.math.logical_not(tf.math.is_finite(vector)))
