# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Replicas of a graph that make one step together.

Under a synchronous `tf.distribute.Strategy` the graph is built once for each
replica. Each has a batch and a copy of the variables of its own. What a step
sums up over its batch is summed up over all replicas, and since all of them
then do the same with the same numbers, their variables stay the same.

For a TPU the graph is built once, and each of the TPU's cores runs it.

Nothing here adds to a graph that has no replicas.
"""

import contextlib
import contextvars
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import tensorflow as tf

from kmeans_estimator.ops import checks

_SUM = tf.distribute.ReduceOp.SUM

_for_tpu = contextvars.ContextVar('for_tpu', default=False)


@contextlib.contextmanager
def building_for_tpu() -> Iterator[None]:
  """What is built inside is for the cores of a TPU.

  TensorFlow has no public way to ask for that.
  """
  token = _for_tpu.set(True)
  try:
    yield
  finally:
    _for_tpu.reset(token)


def are_on_tpu() -> bool:
  """Whether the graph is being built for the cores of a TPU.

  XLA compiles such a graph. So its variables keep their shapes, and no op can
  fail.
  """
  return _for_tpu.get()


def _context() -> Optional[tf.distribute.ReplicaContext]:
  """The replica that the graph is being built for, if it is one of several."""
  context = tf.distribute.get_replica_context()
  if context is None or context.num_replicas_in_sync == 1:
    return None
  return context


def sum_over_replicas(values: Sequence[tf.Tensor]) -> List[tf.Tensor]:
  """Sums up tensors over the replicas, element by element.

  Args:
    values: tensors that have the same shape on every replica and in every step
      of a session; TensorFlow can exchange no others.

  Returns:
    The sums, as many as there are values, of their shapes and dtypes.
  """
  if are_on_tpu():
    return [_sum_over_cores(value) for value in values]
  context = _context()
  if context is None:
    return list(values)
  # TensorFlow joins what is summed up in one go, and cannot join dtypes.
  sums: Dict[int, tf.Tensor] = {}
  for dtype in dict.fromkeys(value.dtype for value in values):
    of_dtype = [i for i, value in enumerate(values) if value.dtype == dtype]
    sums.update(
        zip(of_dtype, _all_reduce(context, [values[i] for i in of_dtype]))
    )
  return [sums[i] for i in range(len(values))]


def _all_reduce(context, values):
  """Sums up, without a gradient.

  To make one, `ReplicaContext.all_reduce` looks for the variables that a sum
  depends on, and knows none of another replica.
  """

  def reduce(strategy, *values):
    return strategy.extended.batch_reduce_to(
        _SUM, [(v, v.device if tf.is_tensor(v) else v) for v in values]
    )

  return context.merge_call(reduce, args=tuple(values))


def _sum_over_cores(value):
  if value.dtype == tf.float64:
    raise TypeError(
        'On a TPU features cannot be float64 to train or evaluate; cast them '
        'to float32.'
    )
  if value.dtype != tf.int64:
    return tf.compat.v1.tpu.cross_replica_sum(value)
  # TPUs sum up no int64. The counts of a step fit in int32.
  total = tf.compat.v1.tpu.cross_replica_sum(tf.cast(value, tf.int32))
  return tf.cast(total, tf.int64)


def number() -> int:
  """How many replicas make a step together, on all workers."""
  if are_on_tpu():
    return tf.compat.dimension_value(_core_assignment().shape[1])
  context = _context()
  return 1 if context is None else context.num_replicas_in_sync


def own_number() -> tf.Tensor:
  """Which of the replicas this one is, from 0 on; int32 scalar."""
  if are_on_tpu():
    # Each core sends to each other one its number.
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
  """Joins matrices of all replicas.

  Args:
    rows: float `[m, c]`, of the same shape on every replica and in every step.

  Returns:
    `[number of replicas * m, c]`, the same on every replica.
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
  # In the place of each other replica there are zeros.
  own = context.replica_id_in_sync_group
  places = tf.reshape(
      tf.equal(tf.range(context.num_replicas_in_sync), own), [-1, 1, 1]
  )
  [gathered] = _all_reduce(
      context, [tf.where(places, rows[tf.newaxis], tf.zeros_like(rows))]
  )
  return tf.reshape(gathered, [-1, tf.shape(rows)[1]])


def _core_assignment():
  """int32 `[1, number of cores]`: all cores of the TPU as one group."""
  # The op knows from TensorFlow's private context how many cores there are.
  return tf.compat.v1.tpu.cross_replica_sum(tf.constant(0)).op.inputs[1]


def sum_over_workers(
    make_value: Callable[[], tf.Tensor],
) -> Optional[tf.Tensor]:
  """Sums up a number over the processes that make a step together.

  For hooks, whose ops belong to no replica.

  Args:
    make_value: returns the scalar of this process; called if there are several.

  Returns:
    The sum over all replicas, each of which counts with the value of its
    process; None if there is one process only.
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
  """The share of a replica in a sum that is to come out as `value`.

  Estimator adds up the losses of all replicas, while ours is that of all
  replicas already.

  Args:
    value: a tensor, the same on every replica.

  Returns:
    `value` on the first replica, zeros on the others.
  """
  context = _context()
  if context is None or _is_first(context):
    return value
  return tf.zeros_like(value)


def checked(
    total: tf.Tensor, make_checks: Callable[[], List[tf.Operation]]
) -> tf.Tensor:
  """A sum over all replicas, once it is known to be finite on each of them.

  A replica that fails while others wait for its share would let them wait. So
  checks come after the sum. Those of this process come first: they know what is
  wrong, where a sum that is not finite only says that something is.

  Args:
    total: float scalar, a sum over all replicas.
    make_checks: returns ops that fail if the replica's own share is not finite.

  Returns:
    `total`. Evaluating it fails on every replica if it is not finite; on a TPU
    nothing can fail.
  """
  if are_on_tpu():
    return total
  context = _context()
  if context is None:
    with tf.control_dependencies(make_checks()):
      return tf.identity(total)
  with tf.control_dependencies([total]):
    own_checks = make_checks()

  def check_total(strategy, totals):
    total = strategy.experimental_local_results(totals)[0]
    return checks.assert_that(
        tf.math.is_finite(total),
        'The batch of another worker holds NaN or Inf, or the distances of all '
        'replicas are too large to be summed up. Their sum is',
        total,
    )

  # What is built in a merge call runs after the checks of every replica.
  with tf.control_dependencies(own_checks):
    check = context.merge_call(check_total, args=(total,))
  with tf.control_dependencies([check]):
    return tf.identity(total)


def build_once_per_process(
    build: Callable[[List[tf.Tensor]], tf.Operation], batches: List[tf.Tensor]
) -> tf.Operation:
  """Builds an op once for all replicas of this process.

  Args:
    build: takes batches and returns an op. What it assigns to a variable is
      assigned on all replicas of the process.
    batches: matrices, the replica's own.

  Returns:
    The op made from the batches of all replicas of the process, joined.
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
  """Fails on all replicas if a batch does not fit the centers.

  For batches whose number of columns is not known before.

  Args:
    points: `[n, d]`, the replica's own batch.
    centers: `[k, d]`.

  Returns:
    The op that checks.
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
      'They have, by replica:',
      columns,
  )


def are_on_several_workers() -> bool:
  """Whether some of the replicas belong to other processes."""
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
  """Gives the variables of all replicas the values of the first one's.

  For replicas on several workers, of which only one chooses the initial
  centers, and only one may find the checkpoint.

  Args:
    variables: numbers or bools, of the same rank on every replica.
    columns: how many the replica's input has, None if it is not known.

  Returns:
    An op that every worker has to run. It fails on all of them if their inputs
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
        # The first one has no use for it, but the others wait for its share.
        updates.append(shape)
      numbers = tf.cast(value, tf.int64) if value.dtype == tf.bool else value
      if not _is_first(context):
        numbers = tf.zeros(shape, numbers.dtype)
      value = tf.cast(total_of(numbers), value.dtype)
      value.set_shape(variable.shape)
      updates.append(variable.assign(value, read_value=False))
  return tf.group(*updates)


def _one_for_each(context, own):
  """A vector that, summed up, holds a number of each replica."""
  return tf.one_hot(
      context.replica_id_in_sync_group, context.num_replicas_in_sync, own
  )


def _assert_same_columns(columns):
  return checks.assert_that(
      tf.reduce_all(tf.equal(columns, columns[0])),
      'The features must have the same number of columns on all replicas. They '
      'have, by replica (0: not known):',
      columns,
  )


def _is_first(context):
  return tf.get_static_value(context.replica_id_in_sync_group) == 0
