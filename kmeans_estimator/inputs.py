# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""An `input_fn` that reads arrays in memory."""

import functools
import operator
import secrets
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from kmeans_estimator._compat.api import v1 as estimator_lib

# The key of a single array, which is handled like a dict of one array.
_MATRIX = 'x'
# Integers are clustered in float32, which represents all integers up to this
# magnitude. Larger integers give a warning.
_LARGEST_INTEGER = 2**24


def array_input_fn(
    x: Any,
    batch_size: Optional[int] = None,
    shuffle: Optional[bool] = None,
    num_epochs: Optional[int] = None,
    seed: Optional[int] = None,
) -> Callable[..., tf.data.Dataset]:
  """Makes an `input_fn` that reads arrays which stay outside the graph.

  If an `input_fn` converts an array to a tensor, the array becomes a constant
  in the graph. TensorFlow copies the graph, writes it to disk as text, and
  limits its size to 2 GB. This `input_fn` instead calls a Python function that
  returns the points. With `batch_size`, TensorFlow calls the function once per
  batch, ahead of the step that needs the batch. Without `batch_size`, it calls
  the function once per `train`, `evaluate` or `predict`, and all steps share
  one buffer.

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

  Rows are repeated for `num_epochs`, then cut into batches. So only the very
  last batch can be smaller than `batch_size`. If it is not, batches have a
  static shape.

  Under a `tf.distribute` strategy the replicas share the batch of a step: each
  replica gets a part of its rows. In a parameter server cluster each worker
  goes through all rows, in an order that differs from worker to worker.

  Args:
    x: numbers or bools `[n, d]`: a NumPy array (a `np.memmap` is read batch by
      batch), a pandas DataFrame, whose columns may differ in dtype, or any
      value that `np.asarray` accepts. Or a dict from feature names to such
      arrays of shape `[n]` or `[n, m]`, which may also hold strings for feature
      columns. A NumPy array of numbers is not copied, so changing it later
      changes the input. Integers beyond 2**24 give a warning: k-means casts
      them to float32, which rounds them.
    batch_size: rows per batch, a positive integer; a batch has at most `n`
      rows. None: each batch is all of `x`, as training with
      `use_mini_batch=False` and `KMeans.score` require.
    shuffle: whether batches take rows in random order, with a new order for
      each epoch. None: shuffle in training if `batch_size` is given; do not
      shuffle in evaluation or prediction.
    num_epochs: how many times to go through `x`, a positive integer. None: in
      training without end (then `train` needs `steps`, or the model needs a
      `relative_tolerance`), in evaluation and prediction once.
    seed: integer that fixes the random orders. With a seed each call of the
      `input_fn`, and so each `train`, starts with the same order. None: the
      orders follow from `RunConfig.tf_random_seed`; if that is None, too, they
      differ from run to run. With several input pipelines (several machines
      under one strategy) they never differ from run to run: each pipeline draws
      the orders by itself, and all pipelines must draw the same orders.

  Returns:
    A function for the argument `input_fn` of `train`, `evaluate`, `predict`,
    `TrainSpec` and `EvalSpec`. It returns a `tf.data.Dataset` of batches
    `[batch_size, d]`, or of dicts of batches, in the dtype of `x`. If called
    without a mode, it returns the input of a prediction.

  Raises:
    TypeError: `x` holds values that are not numbers, bools or strings (for a
      DataFrame the message names the column), or an argument has the wrong
      type.
    ValueError: `x` is empty, has the wrong rank or arrays of different lengths,
      or an argument has a value that is not allowed.
  """
  arrays = _arrays(x)
  num_rows = len(next(iter(arrays.values())))
  batch_size = _positive_integer(batch_size, 'batch_size')
  num_epochs = _positive_integer(num_epochs, 'num_epochs')
  if shuffle is not None and not isinstance(shuffle, (bool, np.bool_)):
    raise TypeError(f'shuffle must be True, False or None, got {shuffle!r}.')
  if shuffle and batch_size is None:
    raise ValueError(
        'shuffle=True needs a batch_size: without it, every batch is all of x. '
        'Give batch_size, or leave shuffle None.'
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
    # An array on disk is checked when its batches are read.
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
          'Each replica needs at least one row of a batch; got '
          f'{rows_per_step} rows per batch for {replicas} replicas. Give at '
          f'least {replicas} rows and a batch_size of at least {replicas}.'
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
      # The array is read once, and the cache returns the same buffer in every
      # step. Not `from_tensors`: tf.data's optimizer would copy its tensor into
      # a graph.
      once = tf.data.Dataset.range(here).map(tensors)
      return once.cache().repeat(epochs)
    if end is None:
      num_batches = np.iinfo(np.int64).max
    else:
      num_batches = here * -(-end // rows_per_step)
    return tf.data.Dataset.range(num_batches).map(tensors).prefetch(1)

  return input_fn


def _arrays(x) -> Dict[str, np.ndarray]:
  """Returns the arrays of `x` by name after checking lengths and dtypes."""
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
  """Warns once if an array holds integers that float32 rounds."""

  def __init__(self, name, dtype):
    self._name = name
    self._is_on = dtype.kind in 'iu' and dtype.itemsize >= 4

  def look_at(self, values):
    if not (self._is_on and values.size):
      return
    if values.max() > _LARGEST_INTEGER or values.min() < -_LARGEST_INTEGER:
      tf.compat.v1.logging.warning(
          '%s holds integers beyond 2**24, which k-means rounds when it casts '
          'integers to float32. Cast %s to float64.',
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
  """Returns the columns of a DataFrame, of any numeric dtypes, as a matrix."""
  columns = []
  for i, label in enumerate(frame.columns):
    series = frame.iloc[:, i]
    column = series.to_numpy()
    if column.dtype == object:
      # Extension dtypes of pandas, such as Int64, may convert to objects.
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
  """Returns `values` as an array with a dtype that TensorFlow supports."""
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
    # TensorFlow's string tensors hold bytes.
    array = np.char.encode(array, 'utf-8')
  if array.dtype != object and _is_allowed(array.dtype):
    # TensorFlow supports only the machine's byte order.
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
  """Returns which replicas an input pipeline feeds.

  Returns:
    The first replica of this pipeline, the number of its replicas, and the
    number of replicas of all pipelines.
  """
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
  """Returns the entropy that seeds NumPy's generator of the random orders."""
  seeds = tf.compat.v1.random.get_seed(seed)
  if input_context is not None and input_context.num_input_pipelines > 1:
    # Each worker of a strategy takes its part of an order, so all workers must
    # draw the same order. The op seed of `get_seed` depends on the ops in the
    # graph, which may differ from worker to worker.
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
  """Returns the indices of consecutive rows in the sequence of all epochs.

  Args:
    start: position of the first row; row `i` of epoch `e` is at `e * n + i`.
    stop: position after the last row.
    num_rows: n.
    order: function from an epoch's number to the order of its rows; None: rows
      are in the order of the array.

  Returns:
    A list of slices or index arrays, one for each epoch that the rows are from.
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
