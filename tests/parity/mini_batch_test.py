# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests mini-batch training against the NumPy model; the reference races."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

STEPS = 11
LOOK_AFTER = (1, 3, 4, 11)
# Tuples of M, d and k. With every M above 1 training runs the same code.
CASES = (
    (1, 1, 1),
    (1, 3, 4),
    (1, 12, 8),
    (2, 1, 1),
    (3, 3, 4),
    (11, 12, 8),
)
# In float64 results equal those of the rule. In float32 the only differences
# are rounding errors.
TOLERANCE = {np.float32: (1e-4, 1e-5), np.float64: (1e-9, 1e-9)}


def make_batches(d, k, dtype, seed):
  """Returns batches of 1 to 20 points; not every batch hits every cluster."""
  random = np.random.RandomState(seed)
  points, centers = testing.blobs(250, d, k, seed, dtype)
  sizes = random.randint(1, 21, STEPS)
  return np.split(points, np.cumsum(sizes))[:STEPS], centers


@implementations.on_every_implementation
class MiniBatchTest(parameterized.TestCase):

  @parameterized.product(
      metric=numpy_model.METRICS,
      case=CASES,
      dtype=tuple(TOLERANCE),
      seed=(0, 4),
  )
  def test_every_variable_equals_the_numpy_model(
      self, metric, case, dtype, seed
  ):
    steps_per_iteration, d, k = case
    batches, centers = make_batches(d, k, dtype, seed)
    rtol, atol = TOLERANCE[dtype]
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        batches[0],
        len(centers),
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=True,
        mini_batch_steps_per_iteration=steps_per_iteration,
    )
    state = numpy_model.initial_state(centers, metric, steps_per_iteration)
    self.assertTrue(graph.initialize(batches[0]))
    testing.assert_state(graph.values(), state, rtol, atol)
    for step, batch in enumerate(batches, start=1):
      seen = graph.infer_and_step(batch)
      state, loss = numpy_model.step(state, batch)
      np.testing.assert_allclose(seen.distance.sum(), loss, rtol, atol)
      if step in LOOK_AFTER:
        testing.assert_state(graph.values(), state, rtol, atol)

  @parameterized.product(
      metric=numpy_model.METRICS, steps_per_iteration=(1, 3)
  )
  def test_step_allocates_to_the_centers_before_the_step(
      self, metric, steps_per_iteration
  ):
    batches, centers = make_batches(3, 4, np.float64, seed=1)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        batches[0],
        4,
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=True,
        mini_batch_steps_per_iteration=steps_per_iteration,
    )
    graph.initialize(batches[0])
    state = numpy_model.initial_state(centers, metric, steps_per_iteration)
    for batch in batches:
      seen = graph.infer_and_step(batch)
      expected = numpy_model.distances(batch, state.clusters, metric)
      np.testing.assert_allclose(seen.all_distances, expected, 1e-9, 1e-9)
      np.testing.assert_array_equal(seen.index, expected.argmin(axis=1))
      state, _ = numpy_model.step(state, batch)

  @parameterized.product(
      metric=numpy_model.METRICS, steps_per_iteration=(1, 3)
  )
  def test_shards_train_like_one_batch(self, metric, steps_per_iteration):
    points, centers = testing.blobs(90, 3, 4, seed=2)
    shards = [points[:11], points[11:12], points[12:40]]
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        shards,
        4,
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=True,
        mini_batch_steps_per_iteration=steps_per_iteration,
    )
    graph.initialize(shards)
    state = numpy_model.initial_state(centers, metric, steps_per_iteration)
    for batch in shards, [points[40:45], points[45:80], points[80:]]:
      graph.step(batch)
      state, _ = numpy_model.step(state, np.concatenate(batch))
      testing.assert_state(graph.values(), state)


@implementations.native_and_portable
class MiniBatchEstimatorTest(parameterized.TestCase):

  @parameterized.product(
      metric=numpy_model.METRICS, steps_per_iteration=(1, 3)
  )
  def test_estimator_trains_until_the_input_ends(
      self, metric, steps_per_iteration
  ):
    batches, centers = make_batches(3, 5, np.float32, seed=3)
    kmeans = kmeans_estimator.KMeans(
        5,
        testing.temporary_folder(self),
        initial_clusters=centers,
        distance_metric=metric,
        mini_batch_steps_per_iteration=steps_per_iteration,
        config=testing.run_config(),
    )
    state = numpy_model.initial_state(centers, metric, steps_per_iteration)
    # Given centers take no batch for the initialisation.
    for part in batches[:5], batches[5:]:
      kmeans.train(testing.input_fn(*part))
    for batch in batches:
      state, _ = numpy_model.step(state, batch)
    values = testing.checkpoint_values(kmeans.model_dir)
    self.assertEqual(values['global_step'], STEPS)
    testing.assert_state(values, state)
    np.testing.assert_allclose(kmeans.cluster_centers(), values['clusters'])


if __name__ == '__main__':
  absltest.main()
