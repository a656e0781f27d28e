# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Validation of batches of points: dtype, shape and finite values."""

from typing import Any

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import checks
from kmeans_estimator.ops import native

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


def _places_of_non_finite(vector):
  return tf.where(tf.math.logical_not(tf.math.is_finite(vector)))
