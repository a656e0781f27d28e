# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that full-batch training converges, and to correct centers."""

import itertools

from absl.testing import parameterized
import numpy as np
import sklearn.cluster
import sklearn.datasets
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

_MAX_ROUNDS = 150


def _graph(points, centers, metric=numpy_model.SQUARED_EUCLIDEAN):
  graph = testing.TrainingGraph(
      clustering_ops.KMeans,
      points,
      len(centers),
      initial_clusters=centers,
      distance_metric=metric,
  )
  graph.initialize(points)
  return graph


def _converge(points, centers, metric=numpy_model.SQUARED_EUCLIDEAN):
  """Trains until a step changes no bit; returns the centers and the inertia.

  Raises:
    AssertionError: centers still change after `_MAX_ROUNDS` steps.
  """
  graph = _graph(points, centers, metric)
  before = graph.values()['clusters']
  for _ in range(_MAX_ROUNDS):
    graph.step(points)
    after = graph.values()['clusters']
    if np.array_equal(before, after):
      return after, graph.infer(points).distance.sum(dtype=np.float64)
    before = after
  raise AssertionError(f'Centers still move after {_MAX_ROUNDS} steps.')


@implementations.on_every_implementation
class ConvergenceTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      *itertools.product(
          ((400, 64, 5), (300, 2, 7), (90, 33, 4)),
          numpy_model.METRICS,
          (np.float32, np.float64),
          (0.0, 1e4),
      )
  )
  def test_centers_stop_changing(self, shape, metric, dtype, offset):
    n, d, k = shape
    for seed in range(2):
      points = np.random.RandomState(seed).normal(offset, 1, [n, d])
      points = points.astype(dtype)
      _converge(points, points[:k], metric)

  def test_center_of_one_point_equals_the_point(self):
    for value in (7.0, 1e-3, 123456.789):
      for dtype in (np.float32, np.float64):
        points = np.array([[value]], dtype)
        centers, _ = _converge(points, points + 1)
        self.assertEqual(centers[0, 0], points[0, 0])


@implementations.native_and_portable
class FarFromTheOriginTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1e6, 1e8)
  def test_float64_equals_scikit_learn(self, offset):
    points, centers = testing.blobs(400, 3, 4, seed=2, dtype=np.float64)
    points, centers = points + offset, centers + offset
    theirs = sklearn.cluster.KMeans(
        4, init=centers, n_init=1, max_iter=100, tol=0
    ).fit(points)
    ours, inertia = _converge(points, centers)
    self.assertAllClose(ours, theirs.cluster_centers_, rtol=1e-12, atol=0)
    self.assertAllClose(inertia, theirs.inertia_, rtol=1e-6)

  def test_float32_centers_are_as_close_as_float32_allows(self):
    points, centers = testing.blobs(400, 3, 4, seed=2)
    points, centers = points + np.float32(1e6), centers + np.float32(1e6)
    ours, _ = _converge(points, centers)
    exact, _ = _converge(points.astype(np.float64), ours)
    self.assertAllClose(ours, exact, rtol=0, atol=np.spacing(np.float32(1e6)))

  def test_timestamps_have_accurate_centers(self):
    random = np.random.RandomState(0)
    starts = 1.75e9 + 86400.0 * np.arange(5)
    points = np.sort(np.repeat(starts, 20) + random.uniform(0, 60, 100))
    points = points[:, np.newaxis]
    ours, inertia = _converge(points, points[::20])
    means = points.reshape([5, 20]).mean(axis=1, keepdims=True)
    self.assertAllClose(ours, means, rtol=0, atol=1e-5)
    exact = np.square(points.reshape([5, 20]) - means).sum()
    self.assertAllClose(inertia, exact, rtol=1e-6)

  @parameterized.product(
      [dict(d=1, k=5), dict(d=3, k=4)], offset=(1e3, 1e6, 1e9)
  )
  def test_offset_moves_centers_by_the_offset(self, offset, d, k):
    # float64 represents these points exactly, with and without the offset.
    random = np.random.RandomState(d)
    points = np.round(random.normal(0, 1e4, [200, d]) * 8) / 8
    expected, _ = _converge(points, points[:k])
    ours, _ = _converge(points + offset, points[:k] + offset)
    self.assertAllClose(ours - offset, expected, rtol=0, atol=1e-9 * 1e4)

  def test_order_and_duplicates_change_only_rounding(self):
    points, centers = testing.blobs(200, 3, 4, seed=7, dtype=np.float64)
    expected, inertia = _converge(points, centers)
    order = np.random.RandomState(0).permutation(len(points))
    permuted, _ = _converge(points[order], centers)
    self.assertAllClose(permuted, expected, rtol=1e-12, atol=1e-12)
    doubled, twice = _converge(np.repeat(points, 2, axis=0), centers)
    self.assertAllClose(doubled, expected, rtol=1e-12, atol=1e-12)
    self.assertAllClose(twice, 2 * inertia, rtol=1e-9)


@implementations.native_and_portable
class RealDataTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      name=('digits', 'iris', 'wine', 'breast_cancer'), seed=(0, 1)
  )
  def test_inertia_equals_scikit_learns(self, name, seed):
    points = getattr(sklearn.datasets, 'load_' + name)().data
    points = points.astype(np.float64)
    k = 10
    centers = points[
        np.random.RandomState(seed).choice(len(points), k, replace=False)
    ]
    theirs = sklearn.cluster.KMeans(
        k, init=centers, n_init=1, max_iter=_MAX_ROUNDS, tol=0
    ).fit(points)
    _, inertia = _converge(points, centers)
    self.assertAllClose(inertia, theirs.inertia_, rtol=1e-6)


class EstimatorTest(tf.test.TestCase):

  def test_loop_of_single_steps_converges(self):
    points = np.random.RandomState(0).normal(0, 1, [60, 8]).astype(np.float32)
    input_fn = kmeans_estimator.inputs.array_input_fn(points)
    kmeans = kmeans_estimator.KMeans(
        3,
        testing.temporary_folder(self),
        initial_clusters=points[:3],
        use_mini_batch=False,
        config=testing.run_config(),
    )
    before = None
    for _ in range(30):
      kmeans.train(input_fn, steps=1)
      after = kmeans.cluster_centers()
      if np.array_equal(before, after):
        return
      before = after
    self.fail('Centers still move after 30 calls.')


if __name__ == '__main__':
  tf.test.main()
