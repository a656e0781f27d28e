# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sizes of tensors: Python integers if the static shape is known.

A Python integer adds no nodes to the graph, and TensorFlow can infer more
static shapes from it.
"""

from typing import Any, Union

import tensorflow as tf

# An integer, or an integer scalar in a graph.
Integer = Union[int, tf.Tensor]


def rows(tensor: tf.Tensor) -> Integer:
  """Returns the length of the first axis: an integer, or an int32 scalar."""
  return _length(tensor, 0)


def columns(matrix: tf.Tensor) -> Integer:
  """Returns the length of the second axis: an integer, or an int32 scalar."""
  return _length(matrix, 1)


def _length(tensor, axis):
  length = tf.compat.dimension_value(tensor.shape[axis])
  if length is not None:
    return length
  rank = tensor.shape.rank
  if rank == 1:
    return tf.size(tensor)
  # `unstack` takes 1 node, indexing takes 4.
  shape = tf.shape(tensor)
  return shape[axis] if rank is None else tf.unstack(shape)[axis]


def static(value: Any) -> Integer:
  """Converts an integer scalar to an integer if possible, else to int32."""
  known = tf.get_static_value(value)
  return tf.cast(value, tf.int32) if known is None else int(known)


def minimum(x: Integer, y: Integer) -> Integer:
  """Returns the smaller size."""
  known = isinstance(x, int) and isinstance(y, int)
  return min(x, y) if known else tf.minimum(x, y)


def maximum(x: Integer, y: Integer) -> Integer:
  """Returns the larger size."""
  known = isinstance(x, int) and isinstance(y, int)
  return max(x, y) if known else tf.maximum(x, y)
