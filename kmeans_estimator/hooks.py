# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hooks for the arguments `hooks` of `train` and `TrainSpec`."""

import threading
from typing import Any

import tensorflow as tf

from kmeans_estimator import _signals
from kmeans_estimator._progress import ProgressHook
from kmeans_estimator._summaries import ClusterSummaryHook
from kmeans_estimator.ops import replicas

__all__ = ['ClusterSummaryHook', 'GracefulStopHook', 'ProgressHook']


class GracefulStopHook(tf.compat.v1.train.SessionRunHook):
  """Ends training with a checkpoint when the process is told to end.

  Without this hook, SIGTERM and Ctrl-C lose what was trained since the latest
  checkpoint, by default up to ten minutes. With it, after SIGTERM (sent by
  Kubernetes, by batch systems, and before a spot machine goes) or SIGINT
  (Ctrl-C),

  1. the step that is under way ends, and no other one begins;
  2. training ends as after its last step: `RunConfig`'s checkpoint is written;
  3. the signal does what it would have done at first: SIGTERM ends the process,
     SIGINT raises `KeyboardInterrupt`, and a handler that the program has set
     is called.

  A second signal does not wait for any of this. Before the first step, and when
  training has ended, signals act as if there were no hook.

  ```python
  kmeans.train(input_fn, steps=100, hooks=[hooks.GracefulStopHook()])

  train_spec = estimator.TrainSpec(input_fn, hooks=[hooks.GracefulStopHook()])
  estimator.train_and_evaluate(kmeans, train_spec, eval_spec)
  ```

  In a cluster every task that trains needs the hook. With parameter servers,
  the chief writes a checkpoint when the chief is told to end; other workers
  have nothing to save. Under a MultiWorkerMirroredStrategy all workers stop
  after the same step when any of them is told to end, the chief writes the
  checkpoint, and those workers that got no signal raise `RuntimeError`, so that
  a supervisor starts all of them again.

  Training must run in the main thread, as Python handles signals in no other.
  """

  def __init__(self):
    """Creates the hook; it may be used for one `train` after the other."""
    self._signals: Any = None
    self._is_told = None
    self._number_told = None

  def begin(self):
    """Adds what workers need to stop together.

    Raises:
      RuntimeError: training does not run in the main thread.
    """
    thread = threading.current_thread()
    if thread is not threading.main_thread():
      raise RuntimeError(
          'GracefulStopHook works in the main thread only, as Python handles '
          f'signals in no other, but train() was called in {thread.name!r}. '
          'Call train() in the main thread, or leave the hook out.'
      )
    self._is_told = None

    def is_told():
      self._is_told = tf.compat.v1.placeholder(tf.int32, [])
      return self._is_told

    self._number_told = replicas.sum_over_workers(is_told)
    self._stops = False

  def after_create_session(self, session, coord):
    del session
    self._signals = _signals.HeldSignals()
    self._is_holding = False

    def join_then_end(*args, **kwargs):
      del coord.join
      try:
        coord.join(*args, **kwargs)
      finally:
        self._end()

    # `end` may come before the hook that saves, and does not come at all after
    # an error. Every session is joined when it is closed, after all hooks.
    coord.join = join_then_end

  def before_run(self, run_context):
    del run_context
    if not self._is_holding:
      # Not earlier: until now there was nothing to save.
      self._is_holding = True
      self._signals.hold()
    if self._number_told is None:
      return None
    return tf.compat.v1.train.SessionRunArgs(
        self._number_told,
        feed_dict={self._is_told: int(self._signals.received is not None)},
    )

  def after_run(self, run_context, run_values):
    if self._number_told is None:
      self._stops = self._signals.received is not None
    else:
      self._stops = run_values.results > 0
    if self._stops:
      run_context.request_stop()

  def _end(self):
    self._signals.put_back()
    if self._signals.received is not None:
      self._signals.deliver()
    elif self._stops:
      raise RuntimeError(
          'Another worker was told to end, so all workers stopped after the '
          'same step, and the chief wrote a checkpoint. Start all workers '
          'again; they go on from that checkpoint.'
      )
