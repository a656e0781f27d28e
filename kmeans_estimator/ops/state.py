# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The variables of a k-means model, with their names in checkpoints."""

import contextlib
from typing import NamedTuple, Optional, Union

import tensorflow as tf

from kmeans_estimator.ops import checks
from kmeans_estimator.ops import replicas

CLUSTERS_VAR_NAME = 'clusters'
INITIALIZED_VAR_NAME = 'initialized'
# TensorFlow's KMeans creates this variable without a name, so TensorFlow names
# it 'Variable' in every checkpoint of a mini-batch model.
COUNTS_VAR_NAME = 'Variable'
CLUSTERS_UPDATED_VAR_NAME = 'clusters_updated'
UPDATE_IN_STEPS_VAR_NAME = 'update_in_steps'


class State(NamedTuple):
  """The variables of a model; variables that its mode does not need are None.

  Attributes:
    clusters: `[k, d]`, the centers that points are allocated to.
    initialized: bool scalar, whether all `k` centers have been chosen.
    counts: int64 `[k]`, the number of points that each center has averaged so
      far (M > 1: in this iteration). If points have weights: float64 `[k]`, the
      sum of the weights of these points. Mini-batch training only.
    clusters_updated: `[k, d]`, the copy of the centers that mini-batch steps
      move. Every M-th step copies it to `clusters`. Only with M > 1.
    update_in_steps: int64 scalar, the number of steps until the next copy. Only
      with M > 1.
  """

  clusters: tf.Variable
  initialized: tf.Variable
  # Not annotated as Optional: the code of each mode uses only variables that
  # the mode has, but a type checker cannot know that and would demand checks.
  counts: tf.Variable = None
  clusters_updated: tf.Variable = None
  update_in_steps: tf.Variable = None


def _variable(initial_value, name, shape=None):
  with contextlib.ExitStack() as scopes:
    if replicas.are_on_tpu():
      # On a TPU, TensorFlow builds the step inside a loop. Create the variable
      # outside of it, and without the loop's prefix in its name.
      scopes.enter_context(tf.init_scope())
      scopes.enter_context(tf.compat.v1.get_default_graph().name_scope(''))
    # `initial_value` is a function: TensorFlow calls it outside any enclosing
    # loop or function. A tensor would stay inside.
    return tf.compat.v1.Variable(
        initial_value,
        name=name,
        shape=shape,
        validate_shape=shape is None,
        use_resource=True,
        # TPUEstimator checks trainable variables for NaN.
        trainable=name in (CLUSTERS_VAR_NAME, CLUSTERS_UPDATED_VAR_NAME),
    )


def _initial_values(
    num_clusters, dimensions, dtype, steps_per_iteration, is_weighted
) -> State:
  """Returns the variables' initial values: a `State` of functions."""

  def centers():
    return tf.zeros([_initial_rows(num_clusters), dimensions or 0], dtype)

  values = State(clusters=centers, initialized=lambda: tf.constant(False))
  if steps_per_iteration is None:
    return values
  # With M = 1 an initial center counts as one point. If points have weights,
  # the first batch defines the weight of an initial center; see
  # `updates.weight_so_far`.
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
  """Creates the variables of training, before any center is chosen.

  The matrix of centers starts without rows and gains a row for each chosen
  center. So the shape in a checkpoint tells how many centers are chosen. On a
  TPU the matrix has k rows from the start, because XLA compiles fixed shapes;
  the host chooses the centers and assigns them.

  Args:
    num_clusters: k.
    dimensions: d; None if it is unknown when the graph is built.
    dtype: float dtype of the centers.
    steps_per_iteration: M for mini-batch training; None for full batch.
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
  """Initialises the variables of this process, without other workers.

  The variables' initialisers under a `tf.distribute.Strategy` would make all
  workers wait for each other, without checking that their inputs agree.

  Args:
    state: the return value of `training_state`.
    num_clusters: k, as passed to `training_state`.
    steps_per_iteration: M, as passed to `training_state`.

  Returns:
    The op that assigns the initial values.
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
    dimensions: d; None if it is unknown when the graph is built.
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
  """Reads the centers, with the static shape as far as it is known.

  Args:
    variable: `State.clusters` or `State.clusters_updated`.
    num_clusters: k.

  Returns:
    `[k, d]` of the variable's dtype. If `k` is a Python integer, evaluating the
    centers fails while fewer than `k` rows have been assigned.
  """
  rows = num_clusters if isinstance(num_clusters, int) else None
  shape = tf.TensorShape([rows, variable.shape[1]])
  centers = variable.value()
  if variable.shape.is_fully_defined():
    # `value` ignores `tf.device` scopes. `identity` is placed by the scope, and
    # `_compat.placement` looks at the device of the tensor to choose ops.
    return tf.identity(centers)
  return tf.ensure_shape(centers, shape)


def read_chosen_centers(
    variable: tf.Variable, num_clusters: Union[int, tf.Tensor]
) -> tf.Tensor:
  """Reads the centers, like `read_centers`, with a clearer error.

  Args:
    variable: `State.clusters` or `State.clusters_updated`.
    num_clusters: k.

  Returns:
    `[k, d]` of the variable's dtype. While fewer than `k` centers are chosen,
    evaluating it fails with a message that gives their number.
  """
  # Do not use `ensure_shape` here: from its shape, TensorFlow's graph optimizer
  # would conclude that the assertion always holds, and remove the assertion.
  with tf.control_dependencies([_assert_chosen(variable, num_clusters)]):
    # The identity has the device of the `tf.device` scope, as in
    # `read_centers`.
    centers = tf.identity(variable.value())
  rows = num_clusters if isinstance(num_clusters, int) else None
  centers.set_shape([rows, variable.shape[1]])
  return centers


def _assert_chosen(variable, num_clusters):
  # String tensors live on the host, and XLA does not support them.
  with tf.device('/CPU:0'), tf.xla.experimental.jit_scope(compile_ops=False):
    # Take the shape from the variable, not from the value that was read: the
    # graph optimizer infers the shape of that value from assignments.
    chosen = tf.raw_ops.VariableShape(input=variable.handle)[0]
    return checks.assert_that(
        tf.equal(chosen, num_clusters),
        tf.strings.format(
            '{} of {} centers are chosen; run init_op on more points.',
            [chosen, num_clusters],
        ),
    )


def grow(variable: tf.Variable, value: tf.Tensor) -> tf.Operation:
  """Assigns centers; their number may differ from the old number.

  Args:
    variable: `State.clusters` or `State.clusters_updated` of training.
    value: `[m, d]` of the variable's dtype.

  Returns:
    The op that assigns the centers.
  """
  # A session may be configured to compile ops with XLA automatically, and an
  # assignment compiled by XLA cannot change the shape of a variable.
  with tf.xla.experimental.jit_scope(compile_ops=False):
    return variable.assign(value, read_value=False)
