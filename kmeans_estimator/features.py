# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Features, as an `input_fn` gives them, to one matrix of points."""

from typing import Any, Iterable, Mapping, Optional, Union

import tensorflow as tf

from kmeans_estimator.ops import points as points_lib

Features = Union[
    tf.Tensor, tf.SparseTensor, Mapping[str, Union[tf.Tensor, tf.SparseTensor]]
]


def _dense(value: Any, name: str) -> tf.Tensor:
  if isinstance(value, tf.SparseTensor):
    points_lib.float_dtype(value.dtype, name)
    return tf.sparse.to_dense(tf.sparse.reorder(value))
  if isinstance(value, tf.RaggedTensor):
    raise TypeError(
        f'{name} is a RaggedTensor; all rows must have the same number of '
        'columns.'
    )
  return tf.convert_to_tensor(value)


def _columns(value: Any, name: str) -> tf.Tensor:
  value = _dense(value, name)
  if value.shape.rank == 1:
    value = tf.expand_dims(value, 1)
  return points_lib.as_points(value, name)


def parse_features(
    features: Features,
    feature_columns: Optional[Iterable[Any]] = None,
) -> tf.Tensor:
  """Brings features into one matrix, a row for each point.

  Args:
    features: a tensor or SparseTensor of shape `[n, d]`, or a dict of tensors
      and SparseTensors of shapes `[n]` and `[n, m]`. A dict's columns are
      joined in the lexicographic order of its keys.
    feature_columns: `tf.feature_column` columns that make the matrix of a dict;
      None for all features as they are. Not used where features is no dict.

  Returns:
    `[n, d]`; float64 where a feature is float64, else float32.

  Raises:
    TypeError: a feature does not hold numbers; the message names it.
    ValueError: a feature is no matrix (in a dict: nor a vector), or the dict is
      empty.
  """
  if not isinstance(features, Mapping):
    return points_lib.as_points(_dense(features, 'features'), 'features')
  if feature_columns:
    return points_lib.as_points(
        tf.compat.v1.feature_column.input_layer(
            dict(features), feature_columns
        ),
        'features',
    )
  if not features:
    raise ValueError('features must hold at least one feature, got {}.')
  columns = [
      _columns(features[key], f'feature {key!r}') for key in sorted(features)
  ]
  if len(columns) == 1:
    return columns[0]
  if any(column.dtype == tf.float64 for column in columns):
    columns = [tf.cast(column, tf.float64) for column in columns]
  return tf.concat(columns, axis=1)
