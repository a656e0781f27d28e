# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._hooks."""

import threading
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _hooks
from tests.helpers import testing


class InitializeClustersHookTest(tf.test.TestCase):

  def _graph(self, batches):
    """Builds a model of three centers; each batch gives one center."""
    clusters = tf.compat.v1.Variable(
        tf.zeros([0, 1]), shape=[None, 1], use_resource=True,
        validate_shape=False,
    )  # pyformat: disable
    initialized = tf.compat.v1.Variable(False, use_resource=True)
    batch = tf.compat.v1.data.make_one_shot_iterator(
        tf.data.Dataset.from_tensors([[7.0]]).repeat(batches)
    ).get_next()
    chosen = tf.concat([clusters.read_value(), batch], 0)
    with tf.control_dependencies([clusters.assign(chosen)]):
      init_op = initialized.assign(tf.shape(chosen)[0] >= 3).op
    return clusters, initialized, init_op

  def _run(self, batches, is_chief=True, start=None, save=None):
    with tf.Graph().as_default():
      clusters, initialized, init_op = self._graph(batches)
      hook = _hooks.InitializeClustersHook(
          init_op, initialized, clusters, 3, is_chief, save
      )
      with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        if start:
          start(session, init_op)
        hook.after_create_session(session, None)
        return session.run(clusters)

  def test_chief_runs_the_init_op_until_all_centers_are_chosen(self):
    saved = []
    clusters = self._run(5, save=lambda s: saved.append(s))
    self.assertAllEqual(clusters, [[7], [7], [7]])
    self.assertLen(saved, 1)

  def test_does_nothing_if_all_centers_are_chosen(self):
    saved = []

    def choose(session, init_op):
      for _ in range(3):
        session.run(init_op)

    self.assertLen(self._run(5, start=choose, save=saved.append), 3)
    self.assertEmpty(saved)

  def test_error_at_the_end_of_input_says_how_many_centers_were_chosen(self):
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, 'ended when 2 of 3 initial centers'
    ):
      self._run(2)

  def test_batches_that_give_no_center_are_reported(self):
    points = np.float32([[0, 0], [9, 9]])
    batches = testing.input_fn(*[points[:0]] * 3, points, points)
    with mock.patch.object(
        _hooks, '_RUNS_BETWEEN_LOOKS', 2
    ), self.assertLogs(tf.get_logger(), 'WARNING') as logs:
      kmeans = kmeans_estimator.KMeans(
          2, testing.temporary_folder(self), config=testing.run_config()
      ).train(batches)
    [warning] = [line for line in logs.output if 'Waiting for' in line]
    self.assertIn('2 batches gave no initial center', warning)
    self.assertEqual(kmeans.get_variable_value('global_step'), 1)

  def test_tensor_that_gives_no_center_is_refused(self):
    kmeans = kmeans_estimator.KMeans(
        2, testing.temporary_folder(self), config=testing.run_config()
    )
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, '(?s)no initial center.*2 of 2.*tensor'
    ):
      kmeans.train(lambda: tf.zeros([0, 2]), steps=1)

  def test_worker_waits_for_the_chief(self):
    threads = []

    def chief(session, init_op):
      def choose():
        for _ in range(3):
          session.run(init_op)

      threads.append(threading.Timer(0.05, choose))
      threads[0].start()

    with mock.patch.object(_hooks, '_SECONDS_BETWEEN_LOOKS', 0.01):
      self.assertLen(self._run(5, is_chief=False, start=chief), 3)
    threads[0].join()


class WaitingLimitHookTest(tf.test.TestCase):

  def test_step_beyond_the_limit_raises_deadline_exceeded(self):
    with tf.Graph().as_default():
      never = tf.queue.FIFOQueue(1, tf.float32).dequeue()
      hook = _hooks.WaitingLimitHook(seconds=1)
      with self.assertRaises(tf.errors.DeadlineExceededError):
        with tf.compat.v1.train.SingularMonitoredSession([hook]) as session:
          session.run(never)


class RelativeToleranceHookTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ([100, 90, 81], 0.01, 3),
      ([100, 90, 90.5, 60], 0.01, 3),
      ([100, 99.99], 0.01, 2),
      # A loss that stays exactly 0 also stops training.
      ([5, 0, 0, 0], 0.01, 3),
      ([0, 0, 0], 1e-9, 2),
      ([0.5, 0.4, 0.3], 0.2, 2),
      ([5, 4.5, 4.5 - 1e-6, 4.5 - 1e-6, 4], 0, 4),
  )
  def test_stops_when_the_loss_changes_less_than_the_tolerance(
      self, losses, tolerance, steps
  ):
    self.assertEqual(self._steps(losses, tolerance), steps)

  @parameterized.parameters(
      ([9, 8, 7, 6, 5, 4, 3], 2, 7),
      ([9, 9, 8, 8, 7, 7, 7, 7], 2, 7),
      ([9, 8, 7, 9, 8, 7], 3, 4),
      ([9, 8, 7, 9, 8, 7], 4, 6),
  )
  def test_compares_losses_of_successive_iterations(
      self, losses, steps_per_iteration, steps
  ):
    self.assertEqual(self._steps(losses, 1e-6, steps_per_iteration), steps)

  def test_ignores_batches_without_points(self):
    losses = [9, 0, 0, 8, 0, 8, 7]
    self.assertEqual(self._steps(losses, 1e-6, 1, tf.not_equal), 6)

  def _steps(self, losses, tolerance, steps_per_iteration=1, has_points=None):
    """Returns the number of steps until the hook stops, or the losses end.

    Args:
      losses: the loss of each step.
      tolerance: as for the hook.
      steps_per_iteration: as for the hook.
      has_points: a function of the loss and 0 that tells if the batch has
        points; None: every batch has.
    """
    with tf.Graph().as_default():
      step = tf.compat.v1.train.get_or_create_global_step()
      loss = tf.gather(tf.constant(losses, tf.float32), step.read_value())
      with tf.control_dependencies([loss]):
        train_op = step.assign_add(1)
      hook = _hooks.RelativeToleranceHook(
          loss,
          tolerance,
          steps_per_iteration,
          has_points and has_points(loss, 0.0),
      )
      with tf.compat.v1.train.MonitoredSession(hooks=[hook]) as session:
        count = 0
        while count < len(losses) and not session.should_stop():
          session.run(train_op)
          count += 1
    return count


if __name__ == '__main__':
  tf.test.main()
