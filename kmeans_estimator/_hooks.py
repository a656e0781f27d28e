# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hooks that the training session of every model has."""

import collections
import time
from typing import Callable, Deque, Optional

import tensorflow as tf

from kmeans_estimator import _streams

_SECONDS_BETWEEN_LOOKS = 0.2
# After this many batches, the chief looks whether they gave any center.
_RUNS_BETWEEN_LOOKS = 100
_LOSS_OF_A_WORKER = (tf.errors.AbortedError, tf.errors.UnavailableError)


class InitializeClustersHook(tf.compat.v1.train.SessionRunHook):
  """Chooses the initial centers, or waits for them, before the first step.

  The chief runs the init op, which takes one batch per run, until all centers
  are chosen. Every other worker checks the variable `initialized` at intervals
  and reads no input.
  """

  def __init__(
      self,
      init_op: Optional[tf.Operation],
      initialized: tf.Variable,
      clusters: tf.Variable,
      num_clusters: int,
      is_chief: bool,
      save: Optional[Callable[[tf.compat.v1.Session], None]] = None,
      follow_chief: Optional[tf.Operation] = None,
  ):
    """Creates the hook.

    Args:
      init_op: chooses some centers from the next batch. None: this task
        chooses no centers, because it is not the chief, or because there is a
        checkpoint with all centers.
      initialized: bool scalar; True when all centers are chosen.
      clusters: the centers chosen so far, one per row.
      num_clusters: k.
      is_chief: whether this task is the chief. The chief chooses the centers if
        some are missing.
      save: function that saves a checkpoint, called with the session after this
        task has chosen the centers. TensorFlow saves the checkpoint of step 0
        before hooks choose centers. So if the input ends before the first step,
        no other checkpoint would hold the centers.
      follow_chief: the op of `replicas.broadcast_from_first`, if each task has
        its own copy of the variables. Every task runs it, and it ends when all
        tasks, including the chief, have run it.
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
      # Estimator retries after these two errors, for ever: TensorFlow does not
      # admit a process back into a cluster in which a process has failed.
      raise RuntimeError(
          'Another worker has ended: it failed, or its input ended. Start all '
          'workers again; they continue from the latest checkpoint.'
      ) from error

  def _check_columns(self, session):
    columns = self._clusters.shape[1]
    of_chief = session.run(self._clusters).shape[1]
    if columns not in (None, of_chief):
      raise ValueError(
          f'The features have {columns} columns, but the features of the chief '
          f'have {of_chief}. Give the same features to all tasks.'
      )

  def _choose(self, session):
    if self._init_op is None:
      raise tf.errors.DataLossError(
          None,
          None,
          'The session found no checkpoint with all centers, though there was '
          'one when train() began. Call train() again: it continues from the '
          'latest checkpoint, or trains a new model if there is none.',
      )
    selected, runs = 0, 0
    try:
      while not session.run(self._initialized):
        session.run(self._init_op)
        runs += 1
        if runs % _RUNS_BETWEEN_LOOKS == 0:
          selected = self._check_progress(session, selected)
    except (tf.errors.OutOfRangeError, StopIteration):
      selected = len(session.run(self._clusters))
      raise tf.errors.InvalidArgumentError(
          None,
          None,
          f'The input ended when {selected} of {self._num_clusters} initial '
          'centers were chosen. Give more rows, or a smaller num_clusters.',
      ) from None

  def _check_progress(self, session, before):
    """Returns the number of centers; warns or fails if none was added."""
    selected = len(session.run(self._clusters))
    if selected > before:
      return selected
    message = (
        f'{_RUNS_BETWEEN_LOOKS} batches gave no initial center, and '
        f'{self._num_clusters - selected} of {self._num_clusters} are missing. '
        'Either the batches have no rows, or the initial_clusters function '
        'returns none.'
    )
    if _streams.repeats_one_batch(session.graph):
      raise tf.errors.InvalidArgumentError(
          None, None, f'{message} The input_fn returns a tensor, so that all '
          'batches are equal.'
      )
    tf.compat.v1.logging.warning('%s Waiting for other batches.', message)
    return selected


class WaitingLimitHook(tf.compat.v1.train.SessionRunHook):
  """Ends a step that takes too long because another worker is dead.

  A step sums over all workers. If a worker is killed, the other workers would
  wait for its summand for ever.
  """

  def __init__(self, seconds: int):
    """Creates the hook.

    Args:
      seconds: the time limit of a step. A longer step raises
        `DeadlineExceededError`.
    """
    self._options = tf.compat.v1.RunOptions(timeout_in_ms=seconds * 1000)

  def before_run(self, run_context):
    del run_context
    return tf.compat.v1.train.SessionRunArgs(None, options=self._options)


class RelativeToleranceHook(tf.compat.v1.train.SessionRunHook):
  """Stops training when the relative change of the loss is small.

  The relative change from one iteration to the next is
  `|loss - previous| / (1 + |previous|)`. Training stops if the change is
  below the tolerance, or is 0.
  """

  def __init__(
      self,
      loss: Optional[tf.Tensor],
      tolerance: float,
      steps_per_iteration: int = 1,
      has_points: Optional[tf.Tensor] = None,
  ):
    """Creates the hook.

    Args:
      loss: scalar, the loss of the step.
      tolerance: training stops below this relative change. With 0 it stops when
        the loss does not change at all.
      steps_per_iteration: M. The centers move once in M steps, so each loss is
        compared with the loss M steps before.
      has_points: bool scalar, whether the batch has points. The loss of a batch
        without points is not compared. None: every batch has points.
    """
    self._loss = loss
    self._tolerance = tolerance
    self._steps_per_iteration = steps_per_iteration
    self._has_points = [] if has_points is None else [has_points]
    self._losses: Deque[float] = collections.deque(maxlen=steps_per_iteration)

  def before_run(self, run_context):
    del run_context
    return tf.compat.v1.train.SessionRunArgs([self._loss, *self._has_points])

  def after_run(self, run_context, run_values):
    loss, *has_points = run_values.results
    if not all(has_points):
      return
    if len(self._losses) == self._steps_per_iteration:
      previous = self._losses[0]
      change = abs(loss - previous) / (1 + abs(previous))
      if change < self._tolerance or change == 0:
        run_context.request_stop()
    self._losses.append(loss)
