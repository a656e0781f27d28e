# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Communication between the replicas of a training step.

Under a synchronous `tf.distribute.Strategy` the graph is built once per
replica. Each replica has its batch and its copy of the variables. A step sums
over its batch, and the replicas add up these sums. Every replica then applies
the same update to the same values, so all copies of the variables stay equal.

For a TPU the graph is built once, and every core of the TPU runs it.

Without a strategy and without a TPU these functions add no communication ops.
"""

import contextlib
import contextvars
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import tensorflow as tf

from kmeans_estimator.ops import checks
from kmeans_estimator.ops import sizes

_SUM = tf.distribute.ReduceOp.SUM

_for_tpu = contextvars.ContextVar('for_tpu', default=False)


@contextlib.contextmanager
def building_for_tpu() -> Iterator[None]:
  """Marks the graph built inside this context as a graph for TPU cores.

  TensorFlow has no public function that tells whether a graph is for a TPU.
  """
  token = _for_tpu.set(True)
  try:
    yield
  finally:
    _for_tpu.reset(token)


def are_on_tpu() -> bool:
  """Returns whether the graph is being built for the cores of a TPU.

  XLA compiles such a graph: variables cannot change their shapes, and no op can
  raise an error.
  """
  return _for_tpu.get()


def _context() -> Optional[tf.distribute.ReplicaContext]:
  """Returns the replica being built; None unless there are several replicas."""
  context = tf.distribute.get_replica_context()
  if context is None or context.num_replicas_in_sync == 1:
    return None
  return context


def sum_over_replicas(values: Sequence[tf.Tensor]) -> List[tf.Tensor]:
  """Adds up tensors over the replicas, element by element.

  Args:
    values: tensors. TensorFlow requires that each has the same shape on every
      replica and in every step of a session.

  Returns:
    One sum for each value, of its shape and dtype.
  """
  if are_on_tpu():
    return [_sum_over_cores(value) for value in values]
  context = _context()
  if context is None:
    return list(values)
  # One all-reduce per dtype: TensorFlow concatenates the tensors of a batched
  # all-reduce, and cannot concatenate different dtypes.
  sums: Dict[int, tf.Tensor] = {}
  for dtype in dict.fromkeys(value.dtype for value in values):
    of_dtype = [i for i, value in enumerate(values) if value.dtype == dtype]
    sums.update(
        zip(of_dtype, _all_reduce(context, [values[i] for i in of_dtype]))
    )
  return [sums[i] for i in range(len(values))]


def _all_reduce(context, values):
  """Adds up tensors over the replicas, without gradients.

  `ReplicaContext.all_reduce` also defines a gradient. For that it looks up the
  variables that the sum depends on, and does not know the variables of another
  replica.
  """

  def reduce(strategy, *values):
    return strategy.extended.batch_reduce_to(
        _SUM, [(v, v.device if tf.is_tensor(v) else v) for v in values]
    )

  return context.merge_call(reduce, args=tuple(values))


def _sum_over_cores(value):
  if value.dtype == tf.float64:
    raise TypeError(
        'Training and evaluation on a TPU accept no float64 features. Cast the '
        'features to float32.'
    )
  if value.dtype != tf.int64:
    return tf.compat.v1.tpu.cross_replica_sum(value)
  # TPUs cannot add up int64 across cores. The counts of a step fit in int32.
  total = tf.compat.v1.tpu.cross_replica_sum(tf.cast(value, tf.int32))
  return tf.cast(total, tf.int64)


def number() -> int:
  """Returns the number of replicas in a step, over all workers."""
  if are_on_tpu():
    return tf.compat.dimension_value(_core_assignment().shape[1])
  context = _context()
  return 1 if context is None else context.num_replicas_in_sync


def own_number() -> tf.Tensor:
  """Returns the index of this replica, counted from 0; int32 scalar."""
  if are_on_tpu():
    # Every core sends the number j to core j, so core j receives its index.
    received = tf.raw_ops.AllToAll(
        input=tf.range(number()),
        group_assignment=_core_assignment(),
        concat_dimension=0,
        split_dimension=0,
        split_count=number(),
    )
    return received[0]
  context = _context()
  return tf.convert_to_tensor(
      0 if context is None else context.replica_id_in_sync_group
  )


def gather_rows(rows: tf.Tensor) -> tf.Tensor:
  """Concatenates the matrices of all replicas, in the order of the replicas.

  Args:
    rows: float `[m, c]`, of the same shape on every replica and in every step.

  Returns:
    `[number of replicas * m, c]`, equal on every replica.
  """
  if are_on_tpu():
    cores = number()
    return tf.raw_ops.AllToAll(
        input=tf.tile(rows, [cores, 1]),
        group_assignment=_core_assignment(),
        concat_dimension=0,
        split_dimension=0,
        split_count=cores,
    )
  context = _context()
  if context is None:
    return rows
  # Each replica adds its rows in its place and zeros in all other places, so
  # the sum holds the rows of all replicas.
  own = context.replica_id_in_sync_group
  places = tf.reshape(
      tf.equal(tf.range(context.num_replicas_in_sync), own), [-1, 1, 1]
  )
  [gathered] = _all_reduce(
      context, [tf.where(places, rows[tf.newaxis], tf.zeros_like(rows))]
  )
  return tf.reshape(gathered, [-1, sizes.columns(rows)])


def _core_assignment():
  """Returns int32 `[1, number of cores]`: all cores of the TPU in one group."""
  # cross_replica_sum takes the number of cores from TensorFlow's private TPU
  # context and passes this group to its op.
  return tf.compat.v1.tpu.cross_replica_sum(tf.constant(0)).op.inputs[1]


def sum_over_workers(
    make_value: Callable[[], tf.Tensor],
) -> Optional[tf.Tensor]:
  """Adds up one number per replica over all worker processes.

  Hooks call it: their ops are built outside any replica.

  Args:
    make_value: returns the scalar of this process; not called if there is only
      one process.

  Returns:
    The sum over all replicas, to which each replica adds the value of its
    process; None if there is only one process.
  """
  strategy = tf.distribute.get_strategy()
  if strategy.num_replicas_in_sync == 1:
    return None
  call = strategy.extended.call_for_each_replica
  several = strategy.experimental_local_results(call(are_on_several_workers))
  if not several[0]:
    return None
  value = make_value()
  sums = call(lambda: _all_reduce(_context(), [value])[0])
  return strategy.experimental_local_results(sums)[0]


def share_of_first(value: tf.Tensor) -> tf.Tensor:
  """Returns summands that add up to `value` over the replicas.

  Estimator adds up the losses that the replicas return. Here each replica has
  already computed the loss over all replicas, so only the first replica returns
  it.

  Args:
    value: a tensor, equal on every replica.

  Returns:
    `value` on the first replica, zeros on every other replica.
  """
  context = _context()
  if context is None or _is_first(context):
    return value
  # Only after the checks of `value`, for the reason that `checked` gives.
  with tf.control_dependencies([value]):
    return tf.zeros_like(value)


def checked(
    total: tf.Tensor,
    make_checks: Callable[[], List[tf.Operation]],
    other_sums: Sequence[tf.Tensor] = (),
) -> tf.Tensor:
  """Returns a sum over all replicas after checking that it is finite.

  All checks run after this sum and after the other sums. If a worker failed
  before, the other workers would wait for its summands, or fail with a network
  error. The checks of this process's replicas run first, because they name the
  rows and columns at fault. The check of the sum cannot name rows: it
  catches faults in the batches of other workers.

  Args:
    total: float scalar, a sum over all replicas.
    make_checks: returns ops that fail if this replica's summand is not finite.
    other_sums: further sums over all replicas that may be under way.

  Returns:
    `total`. If it is not finite, evaluating it fails on every replica; on a TPU
    there are no checks, since no op can fail.
  """
  if are_on_tpu():
    return total
  context = _context()
  if context is None:
    with tf.control_dependencies(make_checks()):
      return tf.identity(total)
  with tf.control_dependencies([total, *other_sums]):
    own_checks = make_checks()

  def check_total(strategy, totals):
    total = strategy.experimental_local_results(totals)[0]
    return checks.assert_that(
        tf.math.is_finite(total),
        'The batch of another worker holds NaN or Inf (the log of that worker '
        'names the rows and columns), or the sum of the distances of all '
        'replicas overflows. Clean or rescale the input. The sum is',
        total,
    )

  # Control dependencies of every replica apply to ops built in a merge call, so
  # this check runs after the checks of all replicas of this process.
  with tf.control_dependencies(own_checks):
    check = context.merge_call(check_total, args=(total,))
  with tf.control_dependencies([check]):
    return tf.identity(total)


def build_once_per_process(
    build: Callable[[List[tf.Tensor]], tf.Operation], batches: List[tf.Tensor]
) -> tf.Operation:
  """Builds an op once for all replicas of this process.

  Args:
    build: takes a list of matrices and returns an op. Values that it assigns to
      a variable are assigned on all replicas of the process.
    batches: matrices of this replica.

  Returns:
    The op that `build` returned. Each matrix it was given is the concatenation
    of the corresponding matrices of all replicas of the process.
  """
  context = _context()
  if context is None:
    return build(batches)

  def merge(strategy, *batches):
    return build(
        [_join(strategy.experimental_local_results(b)) for b in batches]
    )

  return context.merge_call(merge, args=tuple(batches))


def _join(batches):
  if batches[0].shape[1] is not None:
    return tf.concat(batches, 0)
  columns = tf.stack([tf.shape(batch)[1] for batch in batches])
  with tf.control_dependencies([_assert_same_columns(columns)]):
    return tf.concat(batches, 0)


def check_columns(points: tf.Tensor, centers: tf.Tensor) -> tf.Operation:
  """Fails on all replicas if any batch has the wrong number of columns.

  For batches whose number of columns is not known when the graph is built.

  Args:
    points: `[n, d]`, the batch of this replica.
    centers: `[k, d]`.

  Returns:
    An op that raises `InvalidArgumentError`.
  """
  columns = tf.shape(points)[1][tf.newaxis]
  context = _context()
  if context is not None:
    [columns] = sum_over_replicas([_one_for_each(context, columns[0])])
  expected = tf.shape(centers)[1]
  return checks.assert_that(
      tf.reduce_all(tf.equal(columns, expected)),
      'The features must have as many columns as the centers of the model:',
      expected,
      'Numbers of columns of the features, by replica:',
      columns,
  )


def are_on_several_workers() -> bool:
  """Returns whether some replicas run in other processes."""
  context = _context()
  if context is None:
    return False
  num_local = context.merge_call(
      lambda strategy, x: len(strategy.experimental_local_results(x)),
      args=(tf.zeros([]),),
  )
  return num_local < context.num_replicas_in_sync


def broadcast_from_first(
    variables: Sequence[tf.Variable], columns: Optional[int]
) -> tf.Operation:
  """Copies the first replica's values of variables to all replicas.

  For replicas on several workers: only one worker chooses the initial centers,
  and possibly only one worker finds the checkpoint.

  Args:
    variables: numbers or bools, of the same rank on every replica.
    columns: the number of columns of this replica's input; None if unknown.

  Returns:
    An op that every worker must run. It fails on all workers if their inputs
    differ in `columns`.
  """
  context = _context()

  def total_of(value):
    [total] = _all_reduce(context, [value])
    return total

  check = _assert_same_columns(
      total_of(
          _one_for_each(context, tf.constant(columns or 0, tf.int64))
      )
  )
  updates = []
  for variable in variables:
    with tf.control_dependencies([check]):
      value = variable.read_value()
      shape = tf.shape(value, tf.int64)
      if not variable.shape.is_fully_defined():
        shape = total_of(share_of_first(shape))
        # The first replica does not use the shape, but must take part in the
        # sum: the other replicas wait for its summand.
        updates.append(shape)
      numbers = tf.cast(value, tf.int64) if value.dtype == tf.bool else value
      if not _is_first(context):
        numbers = tf.zeros(shape, numbers.dtype)
      value = tf.cast(total_of(numbers), value.dtype)
      value.set_shape(variable.shape)
      updates.append(variable.assign(value, read_value=False))
  return tf.group(*updates)


def _one_for_each(context, own):
  """Returns a vector whose sum over replicas lists a number of each replica."""
  return tf.one_hot(
      context.replica_id_in_sync_group, context.num_replicas_in_sync, own
  )


def _assert_same_columns(columns):
  return checks.assert_that(
      tf.reduce_all(tf.equal(columns, columns[0])),
      'The features must have the same number of columns on all replicas. '
      'Numbers of columns, by replica (0: unknown):',
      columns,
  )


def _is_first(context):
  return tf.get_static_value(context.replica_id_in_sync_group) == 0
