# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Empty clusters take over points: against NumPy and scikit-learn."""

from absl.testing import parameterized
import numpy as np
import sklearn.cluster
import tensorflow as tf

from kmeans_estimator.ops import allocation
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import relocation
from tests import implementations
from tests import numpy_model
from tests import testing


def _sums(points, centers, metric, weights=None, num_shards=1):
  """Means and totals before and after relocation."""
  shards = np.array_split(points, num_shards)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    batch = [tf.constant(shard) for shard in shards]
    shard_weights = None
    if weights is not None:
      shard_weights = [
          tf.constant(w) for w in np.array_split(weights, num_shards)
      ]
    allocations, sums = allocation.allocate(
        batch, tf.constant(centers), metric, shard_weights
    )
    relocated = relocation.relocate(
        [
            relocation.Shard(*shard)
            for shard in zip(
                batch, allocations, shard_weights or [None] * num_shards
            )
        ],
        tf.constant(centers),
        sums,
        metric,
    )
    return session.run(
        [(s.values, s.mean(), s.totals) for s in (sums, relocated)]
    )


def _expected(points, centers, metric):
  """Centers and counts of one step of the NumPy model."""
  points = points.astype(np.float64)
  if metric == numpy_model.COSINE:
    points = numpy_model.normalize(points)
  to_all = numpy_model.distances(points, centers, metric)
  index = to_all.argmin(axis=1)
  index = numpy_model.relocated(index, to_all.min(axis=1), len(centers))
  counts = np.bincount(index, minlength=len(centers))
  means = np.array([
      points[index == j].mean(axis=0) if counts[j] else np.zeros(points.shape[1])
      for j in range(len(centers))
  ])
  return means, counts


@implementations.on_every_implementation
class RelocationTest(tf.test.TestCase, parameterized.TestCase):

  def _data(self, num_empty, dtype=np.float32):
    random = np.random.RandomState(num_empty)
    points = random.normal(3, 1, [60, 4]).astype(dtype)
    centers = points[:8].copy()
    # Nothing is near to these.
    centers[8 - num_empty :] = -50 - np.arange(num_empty)[:, np.newaxis]
    return points, centers

  @parameterized.product(
      num_empty=(1, 3, 7), metric=numpy_model.METRICS, num_shards=(1, 3)
  )
  def test_farthest_points_move(self, num_empty, metric, num_shards):
    points, centers = self._data(num_empty)
    if metric == numpy_model.COSINE:
      centers = numpy_model.normalize(centers).astype(np.float32)
    before, (_, mean, totals) = _sums(
        points, centers, metric, num_shards=num_shards
    )
    expected_mean, expected_totals = _expected(points, centers, metric)
    self.assertEqual((before[2] == 0).sum(), num_empty)
    self.assertAllEqual(totals, expected_totals)
    self.assertAllClose(mean, expected_mean, rtol=1e-5, atol=1e-5)

  @parameterized.product(metric=numpy_model.METRICS, num_shards=(1, 2))
  def test_without_an_empty_cluster_no_bit_changes(self, metric, num_shards):
    points, centers = testing.blobs(60, 4, 5, seed=1)
    if metric == numpy_model.COSINE:
      centers = numpy_model.normalize(centers).astype(np.float32)
    before, after = _sums(points, centers, metric, num_shards=num_shards)
    self.assertGreater(before[2].min(), 0)
    for x, y in zip(before, after):
      self.assertAllEqual(x, y)

  def test_points_at_distance_0_stay(self):
    # Each point is a center; the two other centers have no point to take over.
    points = np.float32([[0, 0], [5, 5], [5, 5]])
    centers = np.float32([[0, 0], [5, 5], [0, 0], [5, 5]])
    _, (_, mean, totals) = _sums(points, centers, numpy_model.SQUARED_EUCLIDEAN)
    self.assertAllEqual(totals, [1, 2, 0, 0])
    self.assertAllEqual(mean[:2], [[0, 0], [5, 5]])

  def test_more_empty_clusters_than_points(self):
    points = np.float32([[1], [2]])
    centers = np.float32([[0], [-10], [-20], [-30], [-40]])
    _, (_, mean, totals) = _sums(points, centers, numpy_model.SQUARED_EUCLIDEAN)
    # The farthest point, 2, goes to the first empty cluster, then 1 to the next.
    self.assertAllEqual(totals, [0, 1, 1, 0, 0])
    self.assertAllEqual(mean[1:3], [[2], [1]])

  def test_cluster_that_gives_its_last_point_keeps_its_center(self):
    points = np.float32([[1], [2]])
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        points,
        3,
        initial_clusters=np.float32([[0], [-10], [-20]]),
    )
    graph.initialize(points)
    graph.step(points)
    self.assertAllEqual(graph.values()['clusters'], [[0], [2], [1]])

  def test_earlier_of_two_farthest_points_moves(self):
    points = np.float32([[0], [3], [-3], [0]])
    centers = np.float32([[0], [-90]])
    _, (_, mean, totals) = _sums(points, centers, numpy_model.SQUARED_EUCLIDEAN)
    self.assertAllEqual(totals, [3, 1])
    self.assertAllEqual(mean, [[-1], [3]])

  @parameterized.parameters(1, 2)
  def test_points_take_their_weights_along(self, num_shards):
    points = np.float32([[0], [4], [9], [1]])
    weights = np.float32([1, 2.5, 0, 1])
    centers = np.float32([[0], [-90]])
    _, (_, mean, totals) = _sums(
        points,
        centers,
        numpy_model.SQUARED_EUCLIDEAN,
        weights,
        num_shards,
    )
    # The farthest point weighs nothing: it is not there.
    self.assertAllClose(totals, [2, 2.5])
    self.assertAllClose(mean, [[0.5], [4]])

  @parameterized.parameters(32, 64)
  def test_many_duplicates_end_as_in_scikit_learn(self, k):
    random = np.random.RandomState(k)
    points = np.repeat(random.normal(0, 1, [60, 3]), 50, axis=0)
    centers = points[random.choice(len(points), k, replace=False)]
    theirs = sklearn.cluster.KMeans(
        k, init=centers, n_init=1, max_iter=100, tol=0
    ).fit(points)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans, points, k, initial_clusters=centers
    )
    graph.initialize(points)
    for _ in range(theirs.n_iter_ + 5):
      graph.step(points)
    inertia = graph.infer(points).distance.sum()
    # Equally far points leave a choice. For k=64 it makes ours the better end.
    self.assertLessEqual(inertia, theirs.inertia_ * (1 + 1e-6))


class CompiledTest(tf.test.TestCase):

  def test_xla_moves_the_same_points(self):
    random = np.random.RandomState(0)
    points = tf.constant(random.normal(0, 1, [40, 3]), tf.float32)
    centers = tf.concat([points[:3], tf.fill([2, 3], -70.0)], 0)

    def moved():
      [item], sums = allocation.allocate(
          [points], centers, clustering_ops.SQUARED_EUCLIDEAN_DISTANCE
      )
      after = relocation.relocate(
          [relocation.Shard(points, item)],
          centers,
          sums,
          clustering_ops.SQUARED_EUCLIDEAN_DISTANCE,
      )
      return after.mean(), after.totals

    plain, compiled = (
        tf.function(moved, jit_compile=jit)() for jit in (False, True)
    )
    self.assertAllEqual(compiled[1], plain[1])
    self.assertAllEqual(compiled[1][3:], [1, 1])
    self.assertAllClose(compiled[0], plain[0], rtol=1e-5)


if __name__ == '__main__':
  tf.test.main()
