# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Converts the features that an `input_fn` returns to a matrix of points."""

import contextlib
import re
from typing import (
    Any,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Union,
)

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import points as points_lib

Features = Union[
    tf.Tensor, tf.SparseTensor, Mapping[str, Union[tf.Tensor, tf.SparseTensor]]
]


_MAY_RETURN = (
    'input_fn must return a tf.data.Dataset, features, or (features, labels); '
    'features are a tensor or SparseTensor [n, d], or a dict of tensors and '
    'SparseTensors by name'
)
_FEATURES = (tf.Tensor, tf.Variable, tf.SparseTensor, np.ndarray, Mapping)
# The error of a BiasAdd op. Its groups are the number of columns of the centers
# and the number of columns of the points.
_OTHER_COLUMNS = re.compile(r'as many biases .*: \[(\d+)\] vs\. \[\d+,(\d+)\]')


def check_result(result: Any) -> Any:
  """Checks the return value of an `input_fn`.

  Args:
    result: the return value.

  Returns:
    `result`, unchanged.

  Raises:
    TypeError: `result` is neither a Dataset, nor features, nor a pair
      `(features, labels)`.
  """
  if isinstance(result, tf.data.Dataset):
    _check_parts(result.element_spec, 'a Dataset of ')
  else:
    _check_parts(result, '')
  return result


def _check_parts(result, prefix):
  # Some programs return the pair of features and labels as a list. A list of
  # two rows is no such pair: its first item is not features, and the last check
  # below rejects it.
  is_pair = len(result) == 2 if isinstance(result, (list, tuple)) else False
  if isinstance(result, tuple) and not is_pair:
    raise TypeError(
        f'{_MAY_RETURN}. Got {prefix}{len(result)} values: '
        f'{_names_of_types(result)}.'
    )
  features = result[0] if is_pair else result
  if prefix and isinstance(features, tf.TypeSpec):
    return
  if not isinstance(features, _FEATURES) and not tf.is_tensor(features):
    raise TypeError(
        f'{_MAY_RETURN}. Got {prefix}{_names_of_types([result])}'
        + (f' of {_names_of_types(result)}.' if is_pair else '.')
    )


def _names_of_types(values):
  return ', '.join(
      'None' if value is None else type(value).__name__ for value in values
  )


@contextlib.contextmanager
def explained_columns() -> Iterator[None]:
  """Replaces the error of a prediction on the wrong number of columns.

  If the number of columns is unknown when the graph is built, an op checks it
  in training and evaluation. A prediction graph has no such op: the graph may
  be exported, and not every program that runs exports supports the op.

  Raises:
    tf.errors.InvalidArgumentError: the points and the centers differ in the
      number of columns; the message gives both numbers.
  """
  try:
    yield
  except tf.errors.InvalidArgumentError as error:
    columns = _OTHER_COLUMNS.search(error.message)
    if not columns:
      raise
    # `from None` drops the original error: dozens of lines about the op that
    # failed, which do not help the user.
    raise tf.errors.InvalidArgumentError(
        None,
        None,
        f'The features have {columns[2]} columns, but the model was trained on '
        f'{columns[1]}. Give features with {columns[1]} columns.',
    ) from None


def names(
    features: Features, feature_columns: Optional[List[Any]] = None
) -> Optional[List[str]]:
  """Returns the names of the features that make the columns of the matrix.

  Args:
    features: as for `parse_features`.
    feature_columns: as for `parse_features`, but not an iterator.

  Returns:
    The names, in the order of the columns; None if the features are not a dict.
  """
  if not isinstance(features, Mapping):
    return None
  if feature_columns:
    return sorted(column.name for column in feature_columns)
  return sorted(features)


def _dense(value: Any, name: str) -> tf.Tensor:
  if isinstance(value, Mapping):
    raise TypeError(f'{name} is a dict; give a tensor or a SparseTensor.')
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
  elif value.shape.rank is None:
    # Append a dimension of size 1 to the shape if the feature is a vector.
    is_vector = tf.cast(tf.equal(tf.rank(value), 1), tf.int32)
    value = tf.reshape(
        value, tf.concat([tf.shape(value), tf.ones([is_vector], tf.int32)], 0)
    )
  return points_lib.as_points(value, name)


def check_weight_column(column: Any) -> None:
  """Checks the argument `weight_column`.

  Args:
    column: the key of a feature, a numeric column, or None.

  Raises:
    TypeError: `column` is not a key, a numeric column, or None.
    ValueError: `column` is a numeric column of more than one number.
  """
  is_numeric_column = hasattr(column, 'key') and hasattr(
      column, 'normalizer_fn'
  )
  if column is None or isinstance(column, str):
    return
  if not is_numeric_column:
    raise TypeError(
        'weight_column must be the key of a feature or a '
        f'tf.feature_column.numeric_column, got {column!r} of type '
        f'{type(column).__name__}.'
    )
  if tuple(column.shape) != (1,):
    raise ValueError(
        'weight_column must hold one number for each point, got a numeric '
        f'column {column.key!r} of shape {list(column.shape)}.'
    )


def split_weights(
    features: Features, column: Any, is_needed: bool
) -> Tuple[Features, Optional[tf.Tensor]]:
  """Separates the weights from the other features.

  Args:
    features: as for `parse_features`; a dict if weights are needed.
    column: the key of a feature, a numeric column, or None.
    is_needed: whether the mode needs weights. If not, the features may lack
      them.

  Returns:
    The features without the weights, and the weights as a dense tensor. Instead
    of the weights None, if `column` is None or the mode needs no weights.

  Raises:
    TypeError: weights are needed, but the features are not a dict, or the
      weights are not numeric.
    ValueError: weights are needed, but the dict lacks them, or their shape is
      wrong.
  """
  if column is None or not (is_needed or isinstance(features, Mapping)):
    return features, None
  key = column if isinstance(column, str) else column.key
  if not isinstance(features, Mapping):
    raise TypeError(
        f'weight_column is {key!r}, so features must be a dict that holds it, '
        f'got {type(features).__name__}.'
    )
  others = {name: features[name] for name in features if name != key}
  if not is_needed:
    return others, None
  if key not in features:
    raise ValueError(
        f'features must hold the weight_column {key!r}, got {sorted(features)}.'
    )
  name = f'feature {key!r} (the weight_column)'
  weights = _dense(features[key], name)
  if not isinstance(column, str) and column.normalizer_fn is not None:
    weights = column.normalizer_fn(weights)
  points_lib.float_dtype(weights.dtype, name)
  rank = weights.shape.rank
  if rank not in (None, 1, 2) or (rank == 2 and weights.shape[1] != 1):
    raise ValueError(
        f'{name} must be of shape [n] or [n, 1], one weight for each point, '
        f'got shape {weights.shape}.'
    )
  return others, weights


def parse_features(
    features: Features,
    feature_columns: Optional[Iterable[Any]] = None,
) -> tf.Tensor:
  """Converts features to a matrix with one row per point.

  Args:
    features: a tensor or SparseTensor of shape `[n, d]`, or a dict of tensors
      and SparseTensors of shapes `[n]` and `[n, m]`.
    feature_columns: `tf.feature_column` columns that convert a dict of features
      to the matrix. None: the features of a dict are concatenated in the
      lexicographic order of their keys. Ignored if `features` is not a dict.

  Returns:
    `[n, d]`; float64 if a feature is float64, otherwise float32. With
    `feature_columns` always float32, the dtype that TensorFlow converts feature
    columns to.

  Raises:
    TypeError: a feature is not numeric (the message names the feature), or the
      keys of a dict cannot be sorted.
    ValueError: a feature has the wrong shape (only features in a dict may be
      vectors), the features have different numbers of rows, or the dict is
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
    raise ValueError(
        'features must hold at least one feature, got an empty dict.'
    )
  try:
    keys = sorted(features)
  except TypeError:
    raise TypeError(
        f'The keys of a dict of features, {list(features)}, cannot be sorted. '
        'Use strings.'
    ) from None
  columns = [_columns(features[key], f'feature {key!r}') for key in keys]
  if len(columns) == 1:
    return columns[0]
  rows = [tf.compat.dimension_value(column.shape[0]) for column in columns]
  if len(set(rows) - {None}) > 1:
    raise ValueError(
        'All features must have the same number of rows, got '
        f'{dict(zip(keys, rows))}.'
    )
  if any(column.dtype == tf.float64 for column in columns):
    columns = [tf.cast(column, tf.float64) for column in columns]
  return tf.concat(columns, axis=1)
