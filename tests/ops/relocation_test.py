# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the relocation of empty clusters against NumPy."""

import functools

from absl.testing import parameterized
import numpy as np
import sklearn.cluster
import tensorflow as tf

from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import relocation
from kmeans_estimator.ops import replicas
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import testing

EUCLIDEAN, COSINE = numpy_model.METRICS
DTYPES = (np.float32, np.float64)
# Tests have these sizes where others do as well: they can share a graph then.
N, D, K = 90, 4, 13
PLACES = (0, 17, 60)


def _build(shards, centers, metric, weights=None):
  """Builds allocations, and the sums before and after relocation."""
  allocations, sums = allocation_lib.allocate(shards, centers, metric, weights)
  relocated = relocation.relocate(
      [
          relocation.Shard(*shard)
          for shard in zip(shards, allocations, weights or [None] * len(shards))
      ],
      centers,
      sums,
      metric,
  )
  return allocations, sums, relocated


def _relocate(points, centers, metric, weights=None, places=()):
  """Runs `_build` on arrays, with the batch split into shards at `places`."""
  num_shards = len(places) + 1

  def build(centers, *parts):
    shards, shard_weights = parts[:num_shards], parts[num_shards:]
    return _without_none(
        _build(shards, centers, metric, list(shard_weights) or None)
    )

  parts = np.split(points, places)
  inputs = [(points.dtype, [None, points.shape[1]])] * num_shards
  if weights is not None:
    parts += np.split(weights, places)
    inputs += [(weights.dtype, [None])] * num_shards
  return sessions.Function(
      ('relocation_test', metric, num_shards),
      build,
      (centers.dtype, centers.shape),
      *inputs,
  )(centers, *parts)


def _without_none(fetches):
  allocations, *sums = fetches
  return (
      allocations,
      *(
          s._replace(
              origin=s.values[0] * 0 if s.origin is None else s.origin
          )
          for s in sums
      ),
  )


@functools.lru_cache(maxsize=None)
def _plain_and_compiled(metric):
  return testing.plain_and_compiled(
      lambda points, centers: _build([points], centers, metric)[1:]
  )


class _RelocationTestCase(tf.test.TestCase, parameterized.TestCase):

  def assert_relocated(self, points, centers, metric, weights=None, places=()):
    """Checks sums against NumPy; returns the points' clusters afterwards."""
    allocations, before, after = _relocate(
        points, centers, metric, weights, places
    )
    k = len(centers)
    index = np.concatenate([item.index for item in allocations])
    points = points.astype(np.float64)
    to_all = numpy_model.distances(points, centers, metric)
    distance = to_all[np.arange(len(points)), index]
    # Treat distances that are 0 up to rounding in NumPy's formula as 0.
    distance[distance < 1e-12] = 0
    if weights is None:
      weights = np.ones(len(points))
    expected = index.copy()
    has_weight = weights > 0
    expected[has_weight] = numpy_model.relocated(
        index[has_weight], distance[has_weight], k
    )
    if metric == COSINE:
      points = numpy_model.normalize(points)
    totals, values = np.zeros([k]), np.zeros([k, points.shape[1]])
    np.add.at(totals, expected, weights)
    np.add.at(values, expected, weights[:, np.newaxis] * points)
    self.assertAllClose(after.totals, totals, rtol=1e-6, atol=1e-6)
    self.assertEqual(after.totals.dtype, before.totals.dtype)
    self.assertEqual(after.values.dtype, before.values.dtype)
    np.testing.assert_array_equal(after.origin, before.origin)
    self.assertAllClose(
        after.values + after.totals[:, np.newaxis] * np.float64(after.origin),
        values,
        rtol=1e-5,
        atol=1e-5 * max(1, np.abs(values).max(initial=0)),
    )
    return expected


@implementations.on_every_implementation
class RelocationTest(_RelocationTestCase):

  @parameterized.product(
      metric=numpy_model.METRICS,
      dtype=DTYPES,
      num_empty=(1, 3, 8),
      places=((), PLACES),
  )
  def test_farthest_points_go_to_empty_clusters(
      self, metric, dtype, num_empty, places
  ):
    points, centers = testing.around_centers(
        N, D, K - num_empty, metric, dtype
    )
    if metric == COSINE:
      points *= np.arange(1, N + 1)[:, np.newaxis].astype(dtype)
    # Copies of the first center stay empty: ties go to the first center.
    copies = np.repeat(centers[:1], num_empty, axis=0)
    centers = np.concatenate([centers[:2], copies, centers[2:]])
    index = self.assert_relocated(points, centers, metric, places=places)
    self.assertContainsSubset(range(2, 2 + num_empty), index)

  @parameterized.parameters(*DTYPES)
  def test_cluster_that_loses_all_its_weights_is_empty(self, dtype):
    # Sums of such weights leave a rest when they are subtracted again.
    weights = np.random.RandomState(1).uniform(0, 1, 17).astype(dtype)
    places = 100 * np.arange(9)
    points = np.zeros([17, 2], dtype)
    points[:, 0] = places.repeat(2)[:17]
    points[:16, 1] = np.linspace(5, 9, 16)
    centers = np.zeros([25, 2], dtype)
    centers[:9, 0] = places
    # Empty, as the point there is as near to the ninth.
    centers[9:, 0] = places[-1]
    _, _, after = _relocate(points, centers, EUCLIDEAN, weights)
    self.assertAllEqual(after.totals[:8], np.zeros(8))
    self.assertAllClose(np.sort(after.totals[9:]), np.sort(weights[:16]))

  @parameterized.product(metric=numpy_model.METRICS, weighted=(False, True))
  def test_sums_stay_identical_if_no_cluster_is_empty(self, metric, weighted):
    points, centers = testing.around_centers(N, D, K, metric)
    weights = np.linspace(0.5, 2, N).astype(np.float32) if weighted else None
    for places in (), PLACES:
      _, before, after = _relocate(points, centers, metric, weights, places)
      for field in before._fields:
        self.assertEqual(
            getattr(after, field).tobytes(), getattr(before, field).tobytes()
        )

  def test_tie_goes_to_the_earlier_point(self):
    points = np.float32([[1], [-1], [3], [-3], [3], [0]])
    centers = np.float32([[0], [50], [60], [70]])
    index = self.assert_relocated(points, centers, EUCLIDEAN)
    self.assertAllEqual(index, [0, 0, 1, 2, 3, 0])
    index = self.assert_relocated(points, centers, EUCLIDEAN, places=(3,))
    self.assertAllEqual(index, [0, 0, 1, 2, 3, 0])

  @parameterized.parameters((), (2,))
  def test_points_at_distance_0_stay(self, *places):
    points = np.float32([[1e3], [1e3], [1e3 + 7], [1e3 + 7]])
    centers = np.float32([[1e3], [-1e9], [1e3 + 7], [2e9]])
    index = self.assert_relocated(points, centers, EUCLIDEAN, places=places)
    self.assertAllEqual(index, [0, 0, 2, 2])
    points[1] += 1
    index = self.assert_relocated(points, centers, EUCLIDEAN, places=places)
    self.assertAllEqual(index, [0, 1, 2, 2])

  @parameterized.parameters((), (1,))
  def test_clusters_stay_empty_if_points_run_out(self, *places):
    points = np.float32([[1], [2]])
    centers = np.float32([[0], [50], [60], [70]])
    index = self.assert_relocated(points, centers, EUCLIDEAN, places=places)
    # Both points of the first cluster have moved to empty clusters.
    self.assertAllEqual(index, [2, 1])

  @parameterized.parameters(1, 2)
  def test_batch_without_rows_changes_nothing(self, num_shards):
    points = np.zeros([0, 1], np.float32)
    centers = np.float32([[0], [1], [2], [3]])
    index = self.assert_relocated(
        points, centers, EUCLIDEAN, places=(0,) * (num_shards - 1)
    )
    self.assertEmpty(index)

  @parameterized.product(dtype=DTYPES, places=((), PLACES))
  def test_points_of_weight_0_are_not_taken(self, dtype, places):
    points, centers = testing.around_centers(N, D, K - 3, dtype=dtype)
    # No point is near the last three centers.
    centers = np.concatenate([centers, centers[:3] + 1000])
    weights = (np.arange(N) % 4 / 2).astype(dtype)
    index = self.assert_relocated(
        points, centers, EUCLIDEAN, weights, places
    )
    self.assertAllGreater(weights[index >= K - 3], 0)
    self.assertLen(set(index[index >= K - 3]), 3)

  def test_taking_a_heavy_point_far_from_0_leaves_the_exact_rest(self):
    points = 1e6 + np.float32([[50.25], [1]])
    centers = np.float32([[1e6], [1e6 - 1e4]])
    for weights in [30, 1], [1000, 1]:
      weights = np.float32(weights)
      _, _, sums = _relocate(points, centers, EUCLIDEAN, weights, [1])
      self.assertAllEqual(sums.totals, weights[::-1])
      means = sums.values / np.float64(sums.totals)[:, np.newaxis] + sums.origin
      self.assertAllClose(means - 1e6, [[1], [50.25]], 1e-3)

  def test_cluster_with_points_of_weight_0_is_empty(self):
    points = np.float32([[0], [1], [9]])
    centers = np.float32([[0], [9]])
    _, _, after = _relocate(
        points, centers, EUCLIDEAN, np.float32([1, 2, 0])
    )
    self.assertAllEqual(after.totals, [1, 2])

  def test_nan_neither_hangs_nor_crashes(self):
    # A step with NaN fails later; relocation must neither hang nor crash.
    points, centers = testing.around_centers(50, D, K - 4)
    points[7, 1] = np.nan
    _relocate(points, np.concatenate([centers, centers[:4]]), EUCLIDEAN)


@implementations.native_and_portable
class StepTest(tf.test.TestCase, parameterized.TestCase):

  def test_cluster_that_loses_its_last_point_keeps_its_center(self):
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

  @parameterized.parameters(32, 64)
  def test_inertia_with_many_duplicates_is_not_above_scikit_learns(self, k):
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
    # On ties in distance, ours and scikit-learn may take different points. For
    # k=64 ours ends with the lower inertia.
    self.assertLessEqual(inertia, theirs.inertia_ * (1 + 1e-6))


class CompiledTest(_RelocationTestCase):

  @parameterized.product(metric=numpy_model.METRICS, num_empty=(0, 2))
  def test_compiled_relocation_equals_the_uncompiled_one(
      self, metric, num_empty
  ):
    # k is the same, so that XLA compiles once.
    points, centers = testing.around_centers(90, 4, 7 - num_empty, metric)
    centers = np.concatenate([centers, centers[:num_empty]])
    plain, compiled = (
        function(tf.constant(points), tf.constant(centers))
        for function in _plain_and_compiled(metric)
    )
    self.assertAllEqual(compiled[1].totals, plain[1].totals)
    self.assertAllClose(compiled[1], plain[1], rtol=1e-5, atol=1e-4)
    self.assertEqual(
        np.array_equal(plain[0].totals, plain[1].totals), num_empty == 0
    )


@implementations.native_and_portable
class ReplicasTest(_RelocationTestCase):

  def _build(self, metric, number, shape_of_centers):
    """Returns centers and batches to feed, and the results of all replicas."""
    # tf.test.TestCase disables soft placement, and then devices must exist.
    tf.config.set_soft_device_placement(True)
    strategy = tf.distribute.MirroredStrategy(
        [f'CPU:{i}' for i in range(number)]
    )
    given = tf.compat.v1.placeholder(tf.float32, shape_of_centers)
    parts = [
        tf.compat.v1.placeholder(tf.float32, [None, 3]) for _ in range(number)
    ]

    def relocate(batch):
      # Each replica has its own, as if it read them from a variable.
      centers = tf.identity(given)
      [item], sums = allocation_lib.allocate([batch], centers, metric)
      values, totals = replicas.sum_over_replicas([sums.values, sums.totals])
      sums = sums._replace(values=values, totals=totals)
      relocated = relocation.relocate(
          [relocation.Shard(batch, item)], centers, sums, metric
      )
      return tf.identity(relocated.mean()), relocated.totals

    with strategy.scope():
      batches = strategy.experimental_distribute_values_from_function(
          lambda context: parts[context.replica_id_in_sync_group]
      )
      results = strategy.run(relocate, args=(batches,))
    return (
        given,
        parts,
        tf.nest.map_structure(strategy.experimental_local_results, results),
    )

  @parameterized.product(
      metric=numpy_model.METRICS, number=(2, 4), num_empty=(0, 1, 5)
  )
  def test_farthest_points_of_all_replicas_are_taken(
      self, metric, number, num_empty
  ):
    points, centers = testing.around_centers(80, 3, 9 - num_empty, metric)
    centers = np.concatenate([centers, centers[:1].repeat(num_empty, 0)])
    session, (given, parts, results) = sessions.borrow(
        self,
        ('relocation_test replicas', metric, number),
        lambda: self._build(metric, number, centers.shape),
        testing.cpus(number),
    )
    # The parts of the replicas differ in size, and one part has no rows.
    places = [0, 50, 60][: number - 1]
    feed = dict(zip(parts, np.split(points, places)))
    means, totals = session.run(results, {given: centers, **feed})
    exact = points.astype(np.float64)
    to_all = numpy_model.distances(exact, centers, metric)
    index = to_all.argmin(axis=1)
    index = numpy_model.relocated(index, to_all.min(axis=1), len(centers))
    if metric == COSINE:
      exact = numpy_model.normalize(exact)
    for mean, total in zip(means, totals):
      self.assertAllEqual(total, np.bincount(index, minlength=len(centers)))
      for cluster in np.unique(index):
        self.assertAllClose(
            mean[cluster], exact[index == cluster].mean(axis=0), rtol=1e-5,
            atol=1e-5,
        )  # pyformat: disable


if __name__ == '__main__':
  tf.test.main()
