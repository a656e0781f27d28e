# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The parameters of k-means and their validation."""

import dataclasses
import math
import numbers
from typing import Any, Callable, Optional, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import distances
from kmeans_estimator.ops import seeding

DISTANCE_METRICS = (
    distances.SQUARED_EUCLIDEAN_DISTANCE,
    distances.COSINE_DISTANCE,
)
INITIALIZATIONS = (
    seeding.RANDOM_INIT,
    seeding.KMEANS_PLUS_PLUS_INIT,
    seeding.KMC2_INIT,
)
# A native op takes at most 2**31 - 1 candidates: the first one and the retries.
_MAX_RETRIES = tf.int32.max - 1


def _is_symbolic(value: Any) -> bool:
  return tf.is_tensor(value) and not hasattr(value, 'numpy')


def _integer(
    name: str,
    value: Any,
    minimum: Optional[int] = None,
    maximum: Optional[int] = None,
) -> int:
  """Returns `value` as an int; raises an error that names the parameter."""
  allowed = 'an integer' if minimum is None else f'an integer >= {minimum}'
  if hasattr(value, 'numpy') and tf.is_tensor(value):
    value = value.numpy()
  if isinstance(value, np.ndarray) and value.ndim == 0:
    value = value[()]
  if isinstance(value, (bool, np.bool_)) or not isinstance(
      value, numbers.Integral
  ):
    raise TypeError(
        f'{name} must be {allowed}, got {value!r} of type '
        f'{type(value).__name__}.'
    )
  integer = int(value)
  if minimum is not None and integer < minimum:
    raise ValueError(f'{name} must be {allowed}, got {value}.')
  if maximum is not None and integer > maximum:
    raise ValueError(f'{name} must be at most {maximum}, got {value}.')
  return integer


def _one_of(name: str, value: Any, allowed: tuple) -> Any:
  if not isinstance(value, str) or value not in allowed:
    raise ValueError(f'{name} must be one of {list(allowed)}, got {value!r}.')
  return value


def _bool(name: str, value: Any) -> bool:
  # Accept 0 and 1: in Python they equal False and True.
  if isinstance(value, (bool, np.bool_)) or (
      isinstance(value, numbers.Integral) and value in (0, 1)
  ):
    return bool(value)
  raise TypeError(
      f'{name} must be True or False, got {value!r} of type '
      f'{type(value).__name__}.'
  )


def _matrix_of_centers(value: Any) -> Union[np.ndarray, tf.Tensor]:
  """Returns initial centers as a finite NumPy matrix if their values are known.

  Args:
    value: array, eager tensor, variable, nested list or graph tensor.

  Returns:
    A float, integer or bool array `[k, d]`; for a graph tensor whose value is
    unknown when the graph is built, the tensor.

  Raises:
    TypeError: the centers are not numbers.
    ValueError: the centers are not a matrix, are empty, or are not finite.
  """
  if _is_symbolic(value) or isinstance(value, tf.Variable):
    constant = (
        value.numpy() if hasattr(value, 'numpy') and tf.executing_eagerly()
        else tf.get_static_value(value)
    )
    if constant is None:
      value = tf.convert_to_tensor(value)
      if value.shape.rank not in (None, 2):
        raise ValueError(
            'initial_clusters must be a matrix [num_clusters, dimensions], got '
            f'a tensor of shape {value.shape}.'
        )
      return value
    value = constant
  elif hasattr(value, 'numpy'):
    value = value.numpy()
  try:
    # Copy: the caller may change the array later.
    centers = np.array(value)
  except ValueError as error:
    raise ValueError(
        'initial_clusters must be a matrix [num_clusters, dimensions], got '
        f'rows of different lengths: {error}'
    ) from error
  if centers.dtype.kind not in 'fiub' and centers.dtype.name != 'bfloat16':
    raise TypeError(
        'initial_clusters must be a matrix of numbers, one of '
        f'{list(INITIALIZATIONS)}, or a function f(inputs, k); got '
        f'{type(value).__name__} of dtype {centers.dtype}.'
    )
  if centers.ndim != 2 or not centers.size:
    raise ValueError(
        'initial_clusters must be a matrix [num_clusters, dimensions] with at '
        f'least one row and one column, got shape {list(centers.shape)}.'
    )
  finite = np.isfinite(centers.astype(np.float64))
  if not finite.all():
    row, column = np.argwhere(~finite)[0]
    raise ValueError(
        'initial_clusters must be finite, got '
        f'{centers[row, column]} at row {row}, column {column}.'
    )
  return centers


@dataclasses.dataclass(frozen=True)
class Parameters:
  """The parameters of k-means; validated on construction.

  Attributes:
    num_clusters: k, a positive integer (or, in a graph, an integer scalar
      tensor). If `initial_clusters` is a matrix, its number of rows replaces
      the given value.
    initial_clusters: one of `INITIALIZATIONS`, a matrix `[k, d]` (NumPy array,
      or graph tensor), or a function `f(inputs, k)`.
    distance_metric: one of `DISTANCE_METRICS`.
    seed: integer or None.
    use_mini_batch: whether centers move by the mini-batch rule.
    mini_batch_steps_per_iteration: M; the centers change every M steps.
    kmeans_plus_plus_num_retries: number of extra candidates for each center of
      k-means++; negative: `2 + floor(ln(number of centers))`.
    kmc2_chain_length: number of candidates for each center of k-MC2.
    relative_tolerance: relative change of the loss below which training stops,
      or None. With 0, training stops when the loss does not change at all.
    num_starts: number of times to draw the initial centers from a batch; more
      than 1 only with one of `INITIALIZATIONS`.

  Raises:
    TypeError: an argument has the wrong type; the message names the argument.
    ValueError: an argument has a value that is not allowed; the message names
      the argument.
  """

  num_clusters: Union[int, tf.Tensor]
  initial_clusters: Union[str, np.ndarray, tf.Tensor, Callable[..., Any]]
  distance_metric: str
  seed: Optional[int]
  use_mini_batch: bool
  mini_batch_steps_per_iteration: int
  kmeans_plus_plus_num_retries: int
  kmc2_chain_length: int = 200
  relative_tolerance: Optional[float] = None
  num_starts: int = 1

  def __post_init__(self):
    _one_of('distance_metric', self.distance_metric, DISTANCE_METRICS)
    if isinstance(self.initial_clusters, str):
      _one_of('initial_clusters', self.initial_clusters, INITIALIZATIONS)
    elif not callable(self.initial_clusters):
      centers = _matrix_of_centers(self.initial_clusters)
      self._set('initial_clusters', centers)
      rows = tf.compat.dimension_value(centers.shape[0]) if (
          centers.shape) else None
      self._set(
          'num_clusters', tf.shape(centers)[0] if rows is None else int(rows)
      )
    num_clusters: Any = self.num_clusters
    if not _is_symbolic(num_clusters):
      self._set('num_clusters', _integer('num_clusters', num_clusters, 1))
    elif not num_clusters.dtype.is_integer:
      raise TypeError(
          'num_clusters must be a positive integer, got a tensor of dtype '
          f'{num_clusters.dtype.name}.'
      )
    else:
      self._set('num_clusters', tf.cast(num_clusters, tf.int32))
    if self.seed is not None:
      self._set('seed', _integer('seed', self.seed))
    self._set('use_mini_batch', _bool('use_mini_batch', self.use_mini_batch))
    for name, minimum, maximum in (
        ('mini_batch_steps_per_iteration', 1, tf.int64.max),
        ('kmeans_plus_plus_num_retries', None, _MAX_RETRIES),
        ('kmc2_chain_length', 1, tf.int64.max),
        ('num_starts', 1, tf.int64.max),
    ):
      self._set(name, _integer(name, getattr(self, name), minimum, maximum))
    if self.num_starts > 1 and not isinstance(self.initial_clusters, str):
      raise ValueError(
          'num_starts must be 1 if initial_clusters gives the centers, got '
          f'{self.num_starts}. Choose initial_clusters from '
          f'{list(INITIALIZATIONS)}.'
      )
    tolerance = self.relative_tolerance
    if tolerance is not None:
      if isinstance(tolerance, bool) or not isinstance(tolerance, numbers.Real):
        raise TypeError(
            'relative_tolerance must be None or a number >= 0, got '
            f'{tolerance!r} of type {type(tolerance).__name__}.'
        )
      if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(
            'relative_tolerance must be None or a finite number >= 0, got '
            f'{tolerance}.'
        )

  def _set(self, name: str, value: Any) -> None:
    object.__setattr__(self, name, value)

  @property
  def steps_per_iteration(self) -> Optional[int]:
    """M of the mini-batch rule; None for the full-batch rule."""
    return self.mini_batch_steps_per_iteration if self.use_mini_batch else None

  @property
  def centers_are_normalized(self) -> bool:
    """Whether training assigns rows of unit length to `clusters`."""
    return (
        self.distance_metric == distances.COSINE_DISTANCE
        and self.steps_per_iteration != 1
    )
