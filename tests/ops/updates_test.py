# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.updates."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import allocation
from kmeans_estimator.ops import state as state_lib
from kmeans_estimator.ops import updates


def _sums(values, totals, origin=None):
  return allocation.Sums(
      tf.constant(values),
      tf.constant(totals),
      None if origin is None else tf.constant(origin),
  )


class RulesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      dtype=(np.float32, np.float64),
      # As portable and native ops add up.
      sums_dtypes=((None, np.int64), (np.float64, np.float64)),
      origin=(None, 8.0),
  )
  def test_full_batch_centers_are_means(self, dtype, sums_dtypes, origin):
    values_dtype, totals_dtype = sums_dtypes
    values_dtype = values_dtype or dtype
    before = np.array([[1, 1], [5, 6], [7, 7]], dtype)
    centers = updates.full_batch_centers(
        tf.constant(before),
        _sums(
            np.array([[2, 4], [0, 0], [9, 3]], values_dtype),
            np.array([2, 0, 3], totals_dtype),
            origin and np.array([origin, 0], values_dtype),
        ),
    )
    self.assertEqual(centers.dtype, dtype)
    shift = origin or 0
    self.assertAllEqual(centers, [[1 + shift, 2], [5, 6], [3 + shift, 1]])

  @parameterized.product(
      dtype=(np.float32, np.float64),
      sums_dtypes=((None, np.int64), (np.float64, np.float64)),
      origin=(None, 8.0),
  )
  def test_mini_batch_change_leads_to_the_running_mean(
      self, dtype, sums_dtypes, origin
  ):
    values_dtype, totals_dtype = sums_dtypes
    values_dtype = values_dtype or dtype
    change = updates.mini_batch_change(
        tf.constant(np.array([[1, 1], [5, 5], [7, 7]], dtype)),
        tf.constant([1, 4, 0], tf.int64),
        _sums(
            np.array(
                [[4 - 2 * (origin or 0), 10], [0, 0], [0, 0]], values_dtype
            ),
            np.array([2, 0, 0], totals_dtype),
            origin and np.array([origin, 0], values_dtype),
        ),
    )
    self.assertEqual(change.dtype, dtype)
    self.assertAllClose(change, [[2 / 3, 8 / 3], [0, 0], [0, 0]])
    self.assertAllEqual(change[1:], np.zeros([2, 2]))

  def test_weights_take_part_in_fractions(self):
    sums = _sums(np.array([[1.5], [2.0]]), np.array([0.5, 0.25]))
    before = tf.constant([[1.0], [0.0]])
    self.assertAllEqual(
        updates.full_batch_centers(before, sums), [[3], [8]]
    )
    self.assertAllEqual(
        updates.mini_batch_change(before, tf.constant([0.5, 0.25]), sums),
        [[1], [4]],
    )


class ApplyTest(tf.test.TestCase):

  def _state(self, m, centers):
    state = state_lib.training_state(2, 1, tf.float32, m)
    fill = [state.clusters.assign(centers)]
    if state.clusters_updated is not None:
      fill.append(state.clusters_updated.assign(centers))
    return state, fill

  def test_mini_batch_reads_before_it_writes(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      state, fill = self._state(1, [[0.0], [10.0]])
      op = updates.apply_mini_batch(
          state,
          state_lib.read_centers(state.clusters, 2),
          _sums([[3.0], [0.0]], np.array([1, 0])),
          [],
      )
      for _ in range(20):
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(fill)
        session.run(op)
        session.run(op)
        # 0 -> 3/2 -> 2: the count of a step weighs only in the next one.
        self.assertAllClose(session.run(state.clusters), [[2], [10]])
        self.assertAllEqual(session.run(state.counts), [3, 1])

  def test_iteration_is_finished_only_when_due(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      state, fill = self._state(3, [[3.0], [4.0]])
      plain = updates.finish_iteration_if_due(state, 3, normalize=False)
      session.run(tf.compat.v1.global_variables_initializer())
      session.run(fill)
      session.run([
          state.clusters_updated.assign([[-2.0], [8.0]]),
          state.counts.assign([7, 9]),
      ])
      session.run(plain)
      self.assertAllEqual(session.run(state.clusters), [[3], [4]])
      self.assertAllEqual(session.run(state.counts), [7, 9])
      session.run(state.update_in_steps.assign(0))
      session.run(plain)
      self.assertAllEqual(session.run(state.clusters), [[-2], [8]])
      self.assertAllEqual(session.run(state.counts), [0, 0])
      self.assertEqual(session.run(state.update_in_steps), 3)
      session.run(state.update_in_steps.assign(0))
      session.run(updates.finish_iteration_if_due(state, 3, normalize=True))
      self.assertAllEqual(session.run(state.clusters), [[-1], [1]])
      self.assertAllEqual(session.run(state.clusters_updated), [[-2], [8]])

  def test_iteration_is_not_finished_by_a_batch_without_rows(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      state, fill = self._state(3, [[3.0], [4.0]])
      has_rows = tf.compat.v1.placeholder(tf.bool, [])
      op = updates.finish_iteration_if_due(state, 3, False, has_rows)
      session.run(tf.compat.v1.global_variables_initializer())
      session.run(fill)
      session.run(state.clusters_updated.assign([[5.0], [6.0]]))
      session.run(state.update_in_steps.assign(0))
      session.run(op, {has_rows: False})
      self.assertAllEqual(session.run(state.clusters), [[3], [4]])
      self.assertEqual(session.run(state.update_in_steps), 0)
      session.run(op, {has_rows: True})
      self.assertAllEqual(session.run(state.clusters), [[5], [6]])
      self.assertEqual(session.run(state.update_in_steps), 3)

  def test_nothing_is_written_before_the_checks(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      for m in (None, 1, 2):
        state, fill = self._state(m, [[0.0], [10.0]])
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(fill)
        fails = tf.debugging.Assert(tf.constant(False), ['no'])
        sums = _sums([[3.0], [1.0]], np.array([1, 1]))
        centers = state_lib.read_centers(state.clusters, 2)
        if m is None:
          op = updates.apply_full_batch(state, centers, sums, False, [fails])
        else:
          op = updates.apply_mini_batch(state, centers, sums, [fails])
        variables = [v for v in state if v is not None]
        before = session.run(variables)
        with self.assertRaises(tf.errors.InvalidArgumentError):
          session.run(op)
        self.assertAllClose(session.run(variables), before)


if __name__ == '__main__':
  tf.test.main()
