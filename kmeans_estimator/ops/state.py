# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The variables of a k-means model, under the names its checkpoints know."""

import contextlib
from typing import NamedTuple, Optional, Union

import tensorflow as tf

from kmeans_estimator.ops import checks
from kmeans_estimator.ops import replicas

CLUSTERS_VAR_NAME = 'clusters'
INITIALIZED_VAR_NAME = 'initialized'
# The name TensorFlow gave to the nameless variable of the first
# implementation. Every checkpoint of a mini-batch model has it.
COUNTS_VAR_NAME = 'Variable'
CLUSTERS_UPDATED_VAR_NAME = 'clusters_updated'
UPDATE_IN_STEPS_VAR_NAME = 'update_in_steps'


class State(NamedTuple):
  """The variables of one model; those that its mode does not need are None.

  Attributes:
    clusters: `[k, d]`, the centers that points are allocated to.
    initialized: bool scalar, whether all `k` centers have been chosen.
    counts: `[k]`, the points that each center has averaged so far (mini-batch
      only). int64; of points with weights float64, the sums of the weights.
    clusters_updated: `[k, d]`, the copy that mini-batch steps move, where
      `clusters` follows only every M-th step (M > 1 only).
    update_in_steps: int64 scalar, steps left until it does (M > 1 only).
  """

  clusters: tf.Variable
  initialized: tf.Variable
  # Not Optional, because code for one mode knows which variables it has and a
  # type checker does not.
  counts: tf.Variable = None
  clusters_updated: tf.Variable = None
  update_in_steps: tf.Variable = None


def _variable(initial_value, name, shape=None):
  with contextlib.ExitStack() as scopes:
    if replicas.are_on_tpu():
      # Out of the loop that steps are in on a TPU, and of its part of names.
      scopes.enter_context(tf.init_scope())
      scopes.enter_context(tf.compat.v1.get_default_graph().name_scope(''))
    # Called by TensorFlow, a function leaves the loop or function that the
    # graph may be built in; a tensor could not.
    return tf.compat.v1.Variable(
        initial_value,
        name=name,
        shape=shape,
        validate_shape=shape is None,
        use_resource=True,
        # TPUEstimator has a look at what is trainable, for NaN.
        trainable=name in (CLUSTERS_VAR_NAME, CLUSTERS_UPDATED_VAR_NAME),
    )


def _initial_values(
    num_clusters, dimensions, dtype, steps_per_iteration, is_weighted
) -> State:
  """What training starts with: functions, in a `State` of them."""

  def centers():
    return tf.zeros([_initial_rows(num_clusters), dimensions or 0], dtype)

  values = State(clusters=centers, initialized=lambda: tf.constant(False))
  if steps_per_iteration is None:
    return values
  # With M = 1 an initial center counts as one point. Of points with weights
  # only a batch can say how much that is, see `updates.weight_so_far`.
  initial_count = tf.ones if steps_per_iteration == 1 else tf.zeros
  counts_dtype = tf.int64
  if is_weighted:
    initial_count, counts_dtype = tf.zeros, tf.float64
  values = values._replace(
      counts=lambda: initial_count([num_clusters], counts_dtype)
  )
  if steps_per_iteration == 1:
    return values
  return values._replace(
      clusters_updated=centers,
      update_in_steps=lambda: tf.constant(steps_per_iteration, tf.int64),
  )


def _initial_rows(num_clusters):
  return num_clusters if replicas.are_on_tpu() else 0


def training_state(
    num_clusters: Union[int, tf.Tensor],
    dimensions: Optional[int],
    dtype: tf.DType,
    steps_per_iteration: Optional[int],
    is_weighted: bool = False,
) -> State:
  """Creates the variables of training, with no center chosen yet.

  The centers start as a matrix without rows and grow while they are chosen, so
  that a checkpoint taken in between says by its shape how many there are. On a
  TPU they have all their rows from the start, to be assigned from outside.

  Args:
    num_clusters: k.
    dimensions: d, or None where it is not known.
    dtype: float dtype of the centers.
    steps_per_iteration: M for mini-batch training, None for full batch.
    is_weighted: whether points have weights.

  Returns:
    A `State`.
  """
  values = _initial_values(
      num_clusters, dimensions, dtype, steps_per_iteration, is_weighted
  )

  def variable(value, name, shape=None):
    return value and _variable(value, name, shape)

  shape = [_initial_rows(num_clusters) or None, dimensions]
  return State(
      variable(values.clusters, CLUSTERS_VAR_NAME, shape),
      variable(values.initialized, INITIALIZED_VAR_NAME),
      variable(values.counts, COUNTS_VAR_NAME),
      variable(values.clusters_updated, CLUSTERS_UPDATED_VAR_NAME, shape),
      variable(values.update_in_steps, UPDATE_IN_STEPS_VAR_NAME),
  )


def assign_initial_values(
    state: State,
    num_clusters: Union[int, tf.Tensor],
    steps_per_iteration: Optional[int],
) -> tf.Operation:
  """Initialises variables in this process alone.

  The initialisers that a `tf.distribute.Strategy` gives to variables let all
  workers wait for each other, and compare nothing.

  Args:
    state: made by `training_state`.
    num_clusters: k, as there.
    steps_per_iteration: M, as there.

  Returns:
    The op that does it.
  """
  values = _initial_values(
      num_clusters,
      state.clusters.shape.as_list()[1],
      state.clusters.dtype,
      steps_per_iteration,
      state.counts is not None and state.counts.dtype.is_floating,
  )
  return tf.group(
      *(
          variable.assign(value(), read_value=False)
          for variable, value in zip(state, values)
          if variable is not None
      )
  )


def inference_state(
    num_clusters: Union[int, tf.Tensor],
    dimensions: Optional[int],
    dtype: tf.DType,
) -> State:
  """Creates the variables that evaluation and prediction restore.

  Args:
    num_clusters: k.
    dimensions: d, or None where it is not known.
    dtype: float dtype of the centers.

  Returns:
    A `State` without the variables of mini-batch training.
  """
  if dimensions is None:
    clusters = _variable(
        lambda: tf.zeros([num_clusters, 0], dtype),
        CLUSTERS_VAR_NAME,
        [None, None],
    )
  else:
    clusters = _variable(
        lambda: tf.zeros([num_clusters, dimensions], dtype), CLUSTERS_VAR_NAME
    )
  return State(clusters, _variable(lambda: False, INITIALIZED_VAR_NAME))


def read_centers(
    variable: tf.Variable, num_clusters: Union[int, tf.Tensor]
) -> tf.Tensor:
  """Reads chosen centers with as much of their shape as can be known.

  Args:
    variable: `State.clusters` or `State.clusters_updated`.
    num_clusters: k.

  Returns:
    `[k, d]` of the variable's dtype. Evaluating it fails while fewer than `k`
    centers have been chosen.
  """
  rows = num_clusters if isinstance(num_clusters, int) else None
  shape = tf.TensorShape([rows, variable.shape[1]])
  centers = variable.value()
  if variable.shape.is_fully_defined():
    # TensorFlow takes the device from a read, and ops are chosen by it.
    return tf.identity(centers)
  return tf.ensure_shape(centers, shape)


def read_chosen_centers(
    variable: tf.Variable, num_clusters: Union[int, tf.Tensor]
) -> tf.Tensor:
  """Reads centers, as `read_centers` does.

  Args:
    variable: `State.clusters` or `State.clusters_updated`.
    num_clusters: k.

  Returns:
    `[k, d]` of the variable's dtype. Evaluating it says how many centers are
    chosen while there are fewer than `k`.
  """
  # No op that says what the shape is going to be: TensorFlow's graph optimizer
  # would believe it, and find that nothing has to be asserted.
  with tf.control_dependencies([_assert_chosen(variable, num_clusters)]):
    # TensorFlow takes the device from a read, and ops are chosen by it.
    centers = tf.identity(variable.value())
  rows = num_clusters if isinstance(num_clusters, int) else None
  centers.set_shape([rows, variable.shape[1]])
  return centers


def _assert_chosen(variable, num_clusters):
  # String tensors live on the host, and XLA has none.
  with tf.device('/CPU:0'), tf.xla.experimental.jit_scope(compile_ops=False):
    # Of the variable itself: the optimizer derives the shape of what is read
    # from what is assigned.
    chosen = tf.raw_ops.VariableShape(input=variable.handle)[0]
    return checks.assert_that(
        tf.equal(chosen, num_clusters),
        tf.strings.format(
            '{} of {} centers are chosen; run init_op on more points.',
            [chosen, num_clusters],
        ),
    )


def grow(variable: tf.Variable, value: tf.Tensor) -> tf.Operation:
  """Assigns centers whose number may be another than that of the old ones.

  Args:
    variable: `State.clusters` or `State.clusters_updated` of training.
    value: `[m, d]` of the variable's dtype.

  Returns:
    The op that does it.
  """
  # XLA, which a session may be told to use wherever it can, keeps shapes.
  with tf.xla.experimental.jit_scope(compile_ops=False):
    return variable.assign(value, read_value=False)
