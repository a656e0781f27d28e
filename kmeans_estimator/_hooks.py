# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What happens around the steps of a training session."""

import time
from typing import Callable, Optional

import tensorflow as tf

_SECONDS_BETWEEN_LOOKS = 0.2
_LOSS_OF_A_WORKER = (tf.errors.AbortedError, tf.errors.UnavailableError)


class InitializeClustersHook(tf.compat.v1.train.SessionRunHook):
  """Has the initial centers chosen before the first step.

  The chief runs the init op on one batch after the other until all centers are
  chosen. Everyone else looks at the variable now and then, without reading any
  input.
  """

  def __init__(
      self,
      init_op: tf.Operation,
      initialized: tf.Variable,
      clusters: tf.Variable,
      num_clusters: int,
      is_chief: bool,
      save: Optional[Callable[[tf.compat.v1.Session], None]] = None,
      follow_chief: Optional[tf.Operation] = None,
  ):
    """Creates the hook.

    Args:
      init_op: chooses some centers from the next batch.
      initialized: bool scalar, set once all of them are chosen.
      clusters: the centers chosen so far, a row each.
      num_clusters: k.
      is_chief: whether this task chooses the centers.
      save: called with the session when this task has chosen them. An input
        that ends before the first step would leave them in no checkpoint: the
        time to write the one of step 0 is over before hooks choose centers.
      follow_chief: `replicas.broadcast_from_first`, for tasks that have
        variables of their own; every task runs it, once the chief gets there.
    """
    self._init_op = init_op
    self._initialized = initialized
    self._clusters = clusters
    self._num_clusters = num_clusters
    self._is_chief = is_chief
    self._save = save
    self._follow_chief = follow_chief

  def after_create_session(self, session, coord):
    del coord
    is_new = self._is_chief and not session.run(self._initialized)
    if is_new:
      self._choose(session)
    if self._follow_chief is not None:
      self._follow(session)
    elif not self._is_chief:
      while not session.run(self._initialized):
        time.sleep(_SECONDS_BETWEEN_LOOKS)
      self._check_columns(session)
    if is_new and self._save:
      self._save(session)

  def _follow(self, session):
    try:
      session.run(self._follow_chief)
    except _LOSS_OF_A_WORKER as error:
      # Estimator would try again and again, while TensorFlow lets no process
      # back into a cluster that it has seen fail.
      raise RuntimeError(
          'Another worker has gone, or has come to the end of its input. Start '
          'all workers again; they go on from the latest checkpoint.'
      ) from error

  def _check_columns(self, session):
    columns = self._clusters.shape[1]
    of_chief = session.run(self._clusters).shape[1]
    if columns not in (None, of_chief):
      raise ValueError(
          f'The features have {columns} columns, but those that the chief '
          f'trains on have {of_chief}.'
      )

  def _choose(self, session):
    try:
      while not session.run(self._initialized):
        session.run(self._init_op)
    except (tf.errors.OutOfRangeError, StopIteration):
      selected = len(session.run(self._clusters))
      raise tf.errors.InvalidArgumentError(
          None,
          None,
          f'The input ended when {selected} of {self._num_clusters} initial '
          'centers were chosen. Give more rows, or fewer num_clusters.',
      ) from None


class WaitingLimitHook(tf.compat.v1.train.SessionRunHook):
  """Ends a step in which other workers have not been heard of for too long.

  A worker that waits for the share of one that was killed would wait for ever.
  """

  def __init__(self, seconds: int):
    """Creates the hook.

    Args:
      seconds: a step that takes longer raises `DeadlineExceededError`.
    """
    self._options = tf.compat.v1.RunOptions(timeout_in_ms=seconds * 1000)

  def before_run(self, run_context):
    del run_context
    return tf.compat.v1.train.SessionRunArgs(None, options=self._options)


class RelativeToleranceHook(tf.compat.v1.train.SessionRunHook):
  """Stops training once the loss hardly changes from step to step.

  That is, once `|loss - previous| / (1 + |previous|)` is 0, or below the
  tolerance.
  """

  def __init__(self, loss: tf.Tensor, tolerance: float):
    """Creates the hook.

    Args:
      loss: scalar, the loss of the step.
      tolerance: stop below this relative change. With 0 training stops when
        the loss does not change at all.
    """
    self._loss = loss
    self._tolerance = tolerance
    self._previous = None

  def before_run(self, run_context):
    del run_context
    return tf.compat.v1.train.SessionRunArgs(self._loss)

  def after_run(self, run_context, run_values):
    loss = run_values.results
    previous, self._previous = self._previous, loss
    if previous is None:
      return
    change = abs(loss - previous) / (1 + abs(previous))
    if change < self._tolerance or change == 0:
      run_context.request_stop()
