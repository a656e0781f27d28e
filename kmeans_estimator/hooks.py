# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hooks for the argument `hooks` of `train` and of `TrainSpec`."""

import threading
from typing import Any

import tensorflow as tf

from kmeans_estimator import _signals
from kmeans_estimator._progress import ProgressHook
from kmeans_estimator._summaries import ClusterSummaryHook
from kmeans_estimator.ops import replicas

__all__ = ['ClusterSummaryHook', 'GracefulStopHook', 'ProgressHook']


class GracefulStopHook(tf.compat.v1.train.SessionRunHook):
  """Ends training with a checkpoint when the process gets SIGTERM or SIGINT.

  Without this hook, SIGTERM and Ctrl-C lose all steps since the latest
  checkpoint, by default up to ten minutes of training. Kubernetes and batch
  systems send SIGTERM, and so do clouds before they reclaim a spot machine.
  With this hook, after SIGTERM or SIGINT (Ctrl-C),

  1. the current step ends, and no further step begins;
  2. training ends as after its last step: TensorFlow writes the checkpoint that
     `RunConfig` asks for;
  3. the signal has its usual effect: SIGTERM ends the process, SIGINT raises
     `KeyboardInterrupt`, and if the program has set a handler, the handler is
     called.

  A second signal takes effect at once. Before the first step and after training
  has ended, signals act as without the hook.

  ```python
  kmeans.train(input_fn, steps=100, hooks=[hooks.GracefulStopHook()])

  train_spec = estimator.TrainSpec(input_fn, hooks=[hooks.GracefulStopHook()])
  estimator.train_and_evaluate(kmeans, train_spec, eval_spec)
  ```

  In a cluster, every task that trains needs the hook. With parameter servers,
  the chief writes a checkpoint when the chief gets the signal; other workers
  have nothing to save. Under a MultiWorkerMirroredStrategy, all workers stop
  after the same step when any worker gets the signal, and the chief writes the
  checkpoint. The workers without a signal then raise `RuntimeError`, so that a
  supervisor restarts all workers.

  Training must run in the main thread, because Python handles signals in no
  other thread.
  """

  def __init__(self):
    """Creates the hook; several successive calls of `train` may use it."""
    self._signals: Any = None
    self._is_told = None
    self._number_told = None

  def begin(self):
    """Adds the op by which workers stop after the same step.

    Raises:
      RuntimeError: training does not run in the main thread.
    """
    thread = threading.current_thread()
    if thread is not threading.main_thread():
      raise RuntimeError(
          'GracefulStopHook works in the main thread only, because Python '
          'handles signals only there, but train() was called in '
          f'{thread.name!r}. Call train() in the main thread, or leave the '
          'hook out.'
      )
    self._is_told = None

    def is_told():
      self._is_told = tf.compat.v1.placeholder(tf.int32, [])
      # Workers exchange this number only after the batches of all workers are
      # checked. Otherwise a worker that waits for the number of a failed worker
      # would hide the error.
      losses = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.LOSSES)
      with tf.control_dependencies(losses):
        return tf.identity(self._is_told)

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

    # Do not deliver the signal in `end`: TensorFlow may call it before the hook
    # that saves the checkpoint, and does not call it after an error. Closing a
    # session always joins the coordinator, after all hooks.
    coord.join = join_then_end

  def before_run(self, run_context):
    del run_context
    if not self._is_holding:
      # Hold signals only from the first step on: before it there is nothing to
      # save.
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
          'again; they continue from that checkpoint.'
      )
