# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Arrays in memory as an Estimator's input."""

import functools
import operator
import secrets
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from kmeans_estimator._compat.api import v1 as estimator_lib

# The name that a bare array goes by among the arrays of a dict.
_MATRIX = 'x'
# From here on float32, in which integers are clustered, lacks some of them.
_LARGEST_INTEGER = 2**24


def array_input_fn(
    x: Any,
    batch_size: Optional[int] = None,
    shuffle: Optional[bool] = None,
    num_epochs: Optional[int] = None,
    seed: Optional[int] = None,
) -> Callable[..., tf.data.Dataset]:
  """Makes an `input_fn` that reads arrays which stay outside of the graph.

  An array that an `input_fn` turns into a tensor becomes a constant: part of
  the graph, which is copied, written to disk as text and limited to 2 GB. Here
  the graph holds a call back into Python. Without `batch_size` that call is
  made once for each `train`, `evaluate` or `predict`, and every step gets the
  same buffer; with it, once for each batch, ahead of the step that needs it.

  Example:

  ```python
  points = np.random.uniform(0, 1000, [100, 2]).astype(np.float32)
  every_point = array_input_fn(points)
  kmeans = KMeans(5, use_mini_batch=False)
  kmeans.train(every_point, steps=10)
  kmeans.score(every_point)

  kmeans = KMeans(5)
  kmeans.train(array_input_fn(points, batch_size=20), steps=50)
  ```

  Rows are repeated for `num_epochs`, then cut into batches, so that only the
  last batch of all can be smaller than `batch_size`; where none is, the batches
  have a static shape.

  Under a `tf.distribute` strategy the batch of a step is that of all replicas
  together: each gets its part of the rows. Workers of a parameter server
  cluster each go through all rows, in orders of their own.

  Args:
    x: numbers or bools `[n, d]`: a NumPy array (a `np.memmap` is read batch by
      batch), a pandas DataFrame, whose columns may differ in dtype, or whatever
      `np.asarray` takes; or a dict by feature name of such arrays `[n]` or
      `[n, m]`, which may hold strings for feature columns. Numbers in a NumPy
      array are not copied, so changing it later changes the input. Integers
      beyond 2**24 give a warning: k-means casts them to float32.
    batch_size: rows per batch, a positive integer; no batch has more than `n`.
      None: each batch is all of `x`, as training with `use_mini_batch=False`
      and `KMeans.score` need it.
    shuffle: whether batches take rows in random order, a new one for each
      epoch. None: in training if `batch_size` is given, never in evaluation or
      prediction.
    num_epochs: how many times to go through `x`, a positive integer. None: in
      training without end (`train` needs `steps`, or the model a
      `relative_tolerance`), once in evaluation and prediction.
    seed: integer that fixes the random orders. Each call of the `input_fn`,
      thus each `train`, begins with the same order then. None: they depend on
      `RunConfig.tf_random_seed`, or if that is None too, on chance; but never
      on chance with several input pipelines, as with several machines under
      one strategy: each draws the order for itself, and they must agree.

  Returns:
    A function for the argument `input_fn` of `train`, `evaluate`, `predict`,
    `TrainSpec` and the like. It returns a `tf.data.Dataset` of batches
    `[batch_size, d]`, or of dicts of them, in the dtype of `x`. Called without
    a mode it does as for prediction.

  Raises:
    TypeError: `x` holds other things than numbers, bools or strings (for a
      DataFrame the message names the column), or another argument has a wrong
      type.
    ValueError: `x` is empty, has another rank, or arrays of different length,
      or another argument has a value that is not allowed.
  """
  arrays = _arrays(x)
  num_rows = len(next(iter(arrays.values())))
  batch_size = _positive_integer(batch_size, 'batch_size')
  num_epochs = _positive_integer(num_epochs, 'num_epochs')
  if shuffle is not None and not isinstance(shuffle, (bool, np.bool_)):
    raise TypeError(f'shuffle must be True, False or None, got {shuffle!r}.')
  if shuffle and batch_size is None:
    raise ValueError(
        'shuffle=True needs a batch_size: without one, every batch is all of x.'
    )
  if seed is not None:
    seed = _integer(seed, 'seed')
  rows_per_step = min(batch_size or num_rows, num_rows)
  lookouts = [
      _IntegerLookout(
          f'x[{name!r}]' if isinstance(x, dict) else 'x', array.dtype
      )
      for name, array in arrays.items()
  ]
  for lookout, array in zip(lookouts, arrays.values()):
    # What is on disk is looked at when it is read.
    if not _is_on_disk(array):
      lookout.look_at(array)
      lookout.stop()

  def input_fn(mode=None, config=None, input_context=None):
    training = mode == estimator_lib.ModeKeys.TRAIN
    epochs = num_epochs
    if epochs is None and not training:
      epochs = 1
    shuffled = shuffle
    if shuffled is None:
      shuffled = training and batch_size is not None

    order = None
    if shuffled:
      order = functools.lru_cache(maxsize=2)(
          functools.partial(
              _random_order, num_rows, _entropy(seed, config, input_context)
          )
      )
    first, here, replicas = _replicas(input_context)
    if rows_per_step < replicas:
      raise ValueError(
          'There must be at least one row for each replica; got '
          f'{rows_per_step} rows per batch for {replicas} replicas.'
      )
    end = None if epochs is None else epochs * num_rows

    def batch(index):
      step, replica = divmod(int(index), here)
      start = step * rows_per_step
      size = rows_per_step if end is None else min(rows_per_step, end - start)
      part = first + replica
      pieces = _pieces(
          start + size * part // replicas,
          start + size * (part + 1) // replicas,
          num_rows,
          order,
      )
      values = [_take(array, pieces) for array in arrays.values()]
      for lookout, value in zip(lookouts, values):
        lookout.look_at(value)
      return values

    static_size = None
    if rows_per_step % replicas == 0 and (
        end is None or end % rows_per_step == 0
    ):
      static_size = rows_per_step // replicas

    @tf.autograph.experimental.do_not_convert
    def tensors(index):
      values = tf.numpy_function(
          batch, [index], [tf.as_dtype(a.dtype) for a in arrays.values()]
      )
      for value, array in zip(values, arrays.values()):
        value.set_shape([static_size, *array.shape[1:]])
      return dict(zip(arrays, values)) if isinstance(x, dict) else values[0]

    if batch_size is None:
      # Read only once: the cache hands out its own buffer. Not from_tensors,
      # which tf.data's rewriting of the pipeline copies into a graph.
      once = tf.data.Dataset.range(here).map(tensors)
      return once.cache().repeat(epochs)
    if end is None:
      num_batches = np.iinfo(np.int64).max
    else:
      num_batches = here * -(-end // rows_per_step)
    return tf.data.Dataset.range(num_batches).map(tensors).prefetch(1)

  return input_fn


def _arrays(x) -> Dict[str, np.ndarray]:
  """The arrays of `x` by name, of equal length and allowed dtypes."""
  if not isinstance(x, dict):
    array = _array(x, 'x')
    if array.ndim != 2:
      raise ValueError(f'x must have the shape [n, d], got {array.shape}.')
    if array.dtype.kind == 'S':
      raise TypeError('x must hold numbers or bools, got strings.')
    return {_MATRIX: array}
  if not x:
    raise ValueError('x must have at least one feature, got an empty dict.')
  arrays = {}
  for name, values in x.items():
    if not isinstance(name, str):
      raise TypeError(f'x must have strings as keys, got {name!r}.')
    arrays[name] = _array(values, f'x[{name!r}]')
    if arrays[name].ndim not in (1, 2):
      raise ValueError(
          f'x[{name!r}] must have the shape [n] or [n, m], got '
          f'{arrays[name].shape}.'
      )
  lengths = {name: len(array) for name, array in arrays.items()}
  if len(set(lengths.values())) > 1:
    raise ValueError(f'x must have arrays of equal length, got {lengths}.')
  return arrays


class _IntegerLookout:
  """Warns, once, of integers that float32 does not hold."""

  def __init__(self, name, dtype):
    self._name = name
    self._is_on = dtype.kind in 'iu' and dtype.itemsize >= 4

  def look_at(self, values):
    if not self._is_on:
      return
    if values.max() > _LARGEST_INTEGER or values.min() < -_LARGEST_INTEGER:
      tf.compat.v1.logging.warning(
          '%s holds integers beyond 2**24. k-means casts integers to float32, '
          'which rounds such ones. Cast %s to float64.',
          self._name,
          self._name,
      )
      self.stop()

  def stop(self):
    self._is_on = False


def _is_on_disk(array) -> bool:
  while array is not None:
    if isinstance(array, np.memmap):
      return True
    array = getattr(array, 'base', None)
  return False


def _frame(frame, name) -> np.ndarray:
  """The columns of a DataFrame, which may differ in dtype, as one matrix."""
  columns = []
  for i, label in enumerate(frame.columns):
    series = frame.iloc[:, i]
    column = series.to_numpy()
    if column.dtype == object:
      # pandas' own dtypes, such as Int64, may come as objects.
      if series.dtype.kind in 'biuf' and series.hasnans:
        column = series.to_numpy(np.float64, na_value=np.nan)
      else:
        column = np.asarray(column.tolist())
    if column.ndim != 1 or column.dtype.kind not in 'biuf':
      missing = ', with missing values' if series.hasnans else ''
      raise TypeError(
          f'{name} must hold numbers or bools, got the column {label!r} of '
          f'dtype {series.dtype}{missing}.'
      )
    columns.append(column)
  return np.stack(columns, axis=1)


def _array(values, name) -> np.ndarray:
  """`values` as an array with a dtype that TensorFlow has."""
  if hasattr(values, 'to_numpy'):
    frame, values = values, values.to_numpy()
    if values.dtype == object and values.size and hasattr(frame, 'columns'):
      values = _frame(frame, name)
  try:
    array = np.asarray(values)
  except (TypeError, ValueError, NotImplementedError) as e:
    raise TypeError(f'{name} must be an array, got {type(values)}.') from e
  if array.ndim and not len(array):
    raise ValueError(f'{name} must have at least one row, got {array.shape}.')
  if array.ndim > 1 and not array.size:
    raise ValueError(
        f'{name} must have at least one column, got {array.shape}.'
    )
  if array.dtype == object and all(
      isinstance(value, (str, bytes)) for value in array.flat
  ):
    array = array.astype(str if isinstance(array.flat[0], str) else bytes)
  if array.dtype.kind == 'U':
    # TensorFlow's strings are bytes.
    array = np.char.encode(array, 'utf-8')
  if array.dtype != object and _is_allowed(array.dtype):
    # TensorFlow knows no byte order but the machine's.
    return array.astype(array.dtype.newbyteorder('='), copy=False)
  raise TypeError(
      f'{name} must hold numbers, bools or, in a dict, strings; got the dtype '
      f'{array.dtype} from {type(values)}.'
  )


def _is_allowed(dtype) -> bool:
  try:
    dtype = tf.as_dtype(dtype)
  except TypeError:
    return False
  return (
      dtype.is_floating
      or dtype.is_integer
      or dtype.is_bool
      or dtype == tf.string
  )


def _integer(value, name) -> int:
  try:
    return operator.index(value)
  except TypeError as e:
    raise TypeError(f'{name} must be an integer or None, got {value!r}.') from e


def _positive_integer(value, name) -> Optional[int]:
  if value is None:
    return None
  value = _integer(value, name)
  if value < 1:
    raise ValueError(f'{name} must be at least 1 or None, got {value}.')
  return value


def _replicas(input_context) -> Tuple[int, int, int]:
  """The first replica that this pipeline feeds, how many, and how many all."""
  if input_context is None:
    return 0, 1, 1
  here = (
      input_context.num_replicas_in_sync // input_context.num_input_pipelines
  )
  return (
      input_context.input_pipeline_id * here,
      here,
      input_context.num_replicas_in_sync,
  )


def _entropy(seed, config, input_context) -> List[int]:
  """What the random orders are drawn from."""
  seeds = tf.compat.v1.random.get_seed(seed)
  if input_context is not None and input_context.num_input_pipelines > 1:
    # Each worker of a strategy takes its own part of an order, so all of them
    # must draw the same one, whatever else their graphs hold.
    seeds = (seeds[0] or 0, seed or 0)
  elif seeds == (None, None):
    return [secrets.randbits(128)]
  worker = 0
  if input_context is None and config is not None:
    worker = config.global_id_in_cluster or 0
  return [int(part) % 2**64 for part in (*seeds, worker)]


def _random_order(num_rows, entropy, epoch) -> np.ndarray:
  return np.random.default_rng([*entropy, epoch]).permutation(num_rows)


def _pieces(start, stop, num_rows, order) -> List[Any]:
  """Indices of the rows from `start` to `stop` of all epochs in a row.

  Args:
    start: place of the first row; row `i` of epoch `e` is at `e * n + i`.
    stop: place after the last row.
    num_rows: n.
    order: function of an epoch's number that returns its order, or None.

  Returns:
    A list of slices or index arrays, one for each epoch that is touched.
  """
  pieces = []
  while True:
    epoch, first = divmod(start, num_rows)
    last = min(num_rows, first + stop - start)
    pieces.append(
        slice(first, last) if order is None else order(epoch)[first:last]
    )
    start += last - first
    if start >= stop:
      return pieces


def _take(array, pieces) -> np.ndarray:
  if len(pieces) == 1:
    return array[pieces[0]]
  return np.concatenate([array[piece] for piece in pieces])
