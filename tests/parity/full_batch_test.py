# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests full-batch training against the reference, which has no race in it."""

import functools
import os
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

# This package and the reference.
GRAPHS = clustering_ops.KMeans, testing.reference_ops.KMeans
STEPS = 10
# Tuples of n, d and k. Most have one d and one k, so that tests share graphs.
SHAPES = ((1, 1, 1), (9, 3, 4), (40, 3, 4), (200, 12, 8))
CASES = [dict(init='array', shape=shape) for shape in SHAPES] + [
    # How centers are chosen does not depend on d and k.
    dict(init=init, shape=(n, 3, 4))
    for init in ('callable', 'whole batches')
    for n in (4, 9, 40, 200)
]


def first_rows(inputs, k):
  return inputs[0][:k]


def initialization(name, points, centers):
  """Returns constructor arguments, and the batches that initialise the centers.

  No draw is needed, so both implementations choose the same centers.
  """
  if name == 'array':
    return dict(initial_clusters=centers), [points]
  if name == 'callable':
    return dict(initial_clusters=first_rows), [points]
  k = len(centers)
  return dict(initial_clusters='random'), [points[: k // 2], points[k // 2 : k]]


def trajectory(kmeans_class, metric, init, shape):
  """Runs steps; returns inferences and variables before each and at the end."""
  n, d, k = shape
  points, centers = testing.blobs(n, d, k, seed=n)
  if metric == numpy_model.COSINE:
    points, centers = abs(points), abs(centers)
  kwargs, first_batches = initialization(init, points, centers)
  graph = testing.TrainingGraph(
      kmeans_class, points, k, distance_metric=metric, **kwargs
  )
  for batch in first_batches:
    done = graph.initialize(batch) if len(batch) else None
  assert done
  results = []
  for _ in range(STEPS):
    results.append((graph.infer(points), graph.values()))
    graph.step(points)
  results.append((graph.infer(points), graph.values()))
  return results


# All implementations are compared with the same trajectory, so compute it once.
reference_trajectory = functools.lru_cache(maxsize=None)(
    functools.partial(trajectory, testing.reference_ops.KMeans)
)


class _FullBatchTestCase(parameterized.TestCase):

  def assert_agree(self, ours, reference):
    for name in ours._fields:
      actual, expected = getattr(ours, name), getattr(reference, name)
      self.assertEqual(actual.dtype, expected.dtype, name)
      np.testing.assert_allclose(actual, expected, 1e-4, 1e-4, err_msg=name)


@implementations.on_every_implementation
class FullBatchTest(_FullBatchTestCase):

  @parameterized.product(CASES, metric=numpy_model.METRICS)
  def test_every_step_equals_the_reference(self, metric, init, shape):
    for (ours, values), (reference, expected) in zip(
        trajectory(clustering_ops.KMeans, metric, init, shape),
        reference_trajectory(metric, init, shape),
    ):
      # No cluster is empty: the reference would lose its center.
      self.assertLen(np.unique(reference.index), shape[2])
      self.assert_agree(ours, reference)
      self.assertCountEqual(values, expected)
      np.testing.assert_allclose(
          values['clusters'], expected['clusters'], 1e-4, 1e-5
      )

  @parameterized.product(
      metric=numpy_model.METRICS,
      shape=((1, 1, 3), (9, 3, 4), (40, 3, 4), (200, 12, 8)),
  )
  def test_empty_clusters_take_over_points_as_in_the_numpy_model(
      self, metric, shape
  ):
    # Compare with the NumPy model: the reference handles empty clusters
    # wrongly.
    n, d, k = shape
    points, centers = testing.blobs(n, d, k - 2, seed=1)
    centers = np.concatenate([centers, np.full([2, d], -100, np.float32)])
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        points,
        len(centers),
        initial_clusters=centers,
        distance_metric=metric,
    )
    graph.initialize(points)
    state = numpy_model.initial_state(centers, metric, None)
    for _ in range(STEPS):
      seen = graph.infer_and_step(points)
      to_all = numpy_model.distances(points, state.clusters, metric)
      np.testing.assert_allclose(seen.all_distances, to_all, 1e-4, 1e-3)
      state, _ = numpy_model.step(state, points, seen.index)
      testing.assert_state(graph.values(), state)

  @parameterized.product(metric=numpy_model.METRICS)
  def test_shards_train_like_one_batch(self, metric):
    points, centers = testing.blobs(50, 3, 4, seed=3)
    shards = [points[:20], points[20:21], points[21:]]
    ours, reference = (
        testing.TrainingGraph(
            kmeans_class,
            shards,
            4,
            initial_clusters=centers,
            distance_metric=metric,
        )
        for kmeans_class in GRAPHS
    )
    state = numpy_model.initial_state(centers, metric, None)
    ours.initialize(shards)
    reference.initialize(shards)
    for _ in range(3):
      self.assert_agree(ours.infer(shards), reference.infer(shards))
      state, _ = numpy_model.step(state, points)
      ours.step(shards)
      reference.step(shards)
    testing.assert_state(ours.values(), state)
    testing.assert_state(reference.values(), state)

  @parameterized.product(
      metric=numpy_model.METRICS, dtype=(np.float32, np.float64)
  )
  def test_step_allocates_to_the_centers_before_the_step(self, metric, dtype):
    points, centers = testing.blobs(60, 3, 4, seed=4, dtype=dtype)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        points,
        4,
        initial_clusters=centers,
        distance_metric=metric,
    )
    graph.initialize(points)
    state = numpy_model.initial_state(centers, metric, None)
    rtol, atol = (1e-4, 1e-5) if dtype == np.float32 else (1e-9, 1e-9)
    for _ in range(3):
      seen = graph.infer_and_step(points)
      expected = numpy_model.distances(points, state.clusters, metric)
      np.testing.assert_array_equal(seen.index, expected.argmin(axis=1))
      np.testing.assert_allclose(seen.all_distances, expected, rtol, atol)
      np.testing.assert_allclose(
          seen.distance, expected.min(axis=1), rtol, atol
      )
      state, _ = numpy_model.step(state, points)
      testing.assert_state(graph.values(), state, rtol, atol)


def train_estimator(kmeans_class, metric):
  """Returns the centers, the name of the checkpoint, and its variables."""
  points, centers = testing.blobs(80, 3, 4, seed=5)
  with tempfile.TemporaryDirectory() as model_dir:
    kmeans = kmeans_class(
        4,
        model_dir,
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=False,
        config=testing.run_config(),
    )
    # Also in two calls, the second of which continues from a checkpoint.
    kmeans.train(testing.input_fn(*[points] * 3), steps=2)
    kmeans.train(testing.input_fn(*[points] * 3), steps=1)
    return (
        kmeans.cluster_centers(),
        os.path.basename(kmeans.latest_checkpoint()),
        kmeans.get_variable_names(),
    )


# Native and portable ops are compared with the same training.
train_reference_estimator = functools.lru_cache(maxsize=None)(
    functools.partial(train_estimator, testing.ReferenceKMeans)
)


@implementations.native_and_portable
class FullBatchEstimatorTest(parameterized.TestCase):

  @parameterized.product(metric=numpy_model.METRICS)
  def test_training_equals_the_reference(self, metric):
    ours, our_name, our_variables = train_estimator(
        kmeans_estimator.KMeans, metric
    )
    reference, name, variables = train_reference_estimator(metric)
    np.testing.assert_allclose(ours, reference, 1e-4, 1e-5)
    self.assertEqual(our_name, name)
    for names in our_variables, variables:
      self.assertCountEqual(names, ['clusters', 'global_step', 'initialized'])


if __name__ == '__main__':
  absltest.main()
