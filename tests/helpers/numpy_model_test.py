# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the NumPy model against the reference, where it does not race."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from tests.helpers import numpy_model
from tests.helpers import testing


class NumpyModelTest(parameterized.TestCase):

  @parameterized.product(metric=numpy_model.METRICS)
  def test_full_batch_steps_equal_those_of_the_reference(self, metric):
    # Data without empty clusters: the reference would lose their centers.
    points, centers = testing.blobs(60, 3, 5, seed=1)
    graph = testing.TrainingGraph(
        testing.reference_ops.KMeans,
        points,
        5,
        initial_clusters=centers,
        distance_metric=metric,
    )
    state = numpy_model.initial_state(centers, metric, None)
    self.assertTrue(graph.initialize(points))
    for _ in range(4):
      distance = graph.infer(points).distance
      index = numpy_model.distances(points, state.clusters, metric).argmin(1)
      self.assertLen(np.unique(index), 5)
      state, loss = numpy_model.step(state, points)
      graph.step(points)
      testing.assert_state(graph.values(), state)
      np.testing.assert_allclose(distance.sum(), loss, 1e-4)

  @parameterized.product(metric=numpy_model.METRICS, steps_per_iteration=(1, 3))
  def test_mini_batch_step_equals_the_reference_at_one_of_its_rates(
      self, metric, steps_per_iteration
  ):
    # The reference may add the batch's counts before it reads them. Then a
    # center moves by the rule with N + 2n instead of N + n; the counts are
    # correct.
    points, centers = testing.blobs(40, 3, 5, seed=2)
    graph = testing.TrainingGraph(
        testing.reference_ops.KMeans,
        points,
        5,
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=True,
        mini_batch_steps_per_iteration=steps_per_iteration,
    )
    self.assertTrue(graph.initialize(points))
    before = numpy_model.initial_state(centers, metric, steps_per_iteration)
    for batch in points[:20], points[20:32]:
      after, _ = numpy_model.step(before, batch)
      graph.step(batch)
      values = graph.values()
      np.testing.assert_array_equal(values['Variable'], after.counts)
      moved = 'clusters' if steps_per_iteration == 1 else 'clusters_updated'
      start = getattr(before, moved)
      change = getattr(after, moved) - start
      hits = after.counts - before.counts
      late = change * (after.counts / np.maximum(after.counts + hits, 1))[
          :, np.newaxis
      ]
      error = [
          np.abs(values[moved] - start - rate).max(axis=1)
          for rate in (change, late)
      ]
      self.assertLess(np.min(error, axis=0).max(), 1e-5)
      before = testing.state_of(values, metric, steps_per_iteration)

  def test_empty_clusters_take_over_the_farthest_points(self):
    points = np.array([[0], [1], [9], [4], [9.5]])
    centers = np.array([[50], [1], [60], [8]], np.float64)
    state = numpy_model.initial_state(
        centers, numpy_model.SQUARED_EUCLIDEAN, None
    )
    state, loss = numpy_model.step(state, points)
    # Point 4 moves to the first empty cluster, point 9.5 to the second.
    np.testing.assert_array_equal(state.clusters, [[4], [0.5], [9.5], [9]])
    self.assertEqual(loss, 1 + 0 + 1 + 9 + 2.25)

  def test_empty_cluster_keeps_its_center_if_all_distances_are_0(self):
    points = np.array([[1], [1], [3]], np.float64)
    state = numpy_model.initial_state(
        np.array([[1], [7], [3]]), numpy_model.SQUARED_EUCLIDEAN, None
    )
    state, _ = numpy_model.step(state, points)
    np.testing.assert_array_equal(state.clusters, [[1], [7], [3]])

  def test_batch_without_rows_changes_nothing(self):
    for steps_per_iteration in None, 1, 2:
      before = numpy_model.initial_state(
          np.eye(2), numpy_model.SQUARED_EUCLIDEAN, steps_per_iteration
      )
      if steps_per_iteration == 2:
        before = dataclasses.replace(
            before, update_in_steps=0, clusters_updated=np.ones([2, 2])
        )
      after, loss = numpy_model.step(before, np.zeros([0, 2]))
      self.assertEqual(loss, 0)
      for field in dataclasses.fields(before):
        np.testing.assert_array_equal(
            getattr(after, field.name), getattr(before, field.name)
        )

  def test_pending_copy_is_made_first(self):
    pending = numpy_model.State(
        numpy_model.SQUARED_EUCLIDEAN,
        2,
        clusters=np.array([[0], [9]], np.float64),
        counts=np.array([5, 5]),
        clusters_updated=np.array([[6], [7]], np.float64),
        update_in_steps=0,
    )
    state, loss = numpy_model.step(pending, np.array([[5]], np.float64))
    np.testing.assert_array_equal(state.clusters, [[6], [7]])
    np.testing.assert_array_equal(state.clusters_updated, [[5], [7]])
    np.testing.assert_array_equal(state.counts, [1, 0])
    self.assertEqual(state.update_in_steps, 1)
    self.assertEqual(loss, 1)


if __name__ == '__main__':
  absltest.main()
