# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests properties of k-means on any data, and random cases against NumPy."""

import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

MODES = {
    'full batch': dict(use_mini_batch=False),
    'mini-batch': dict(use_mini_batch=True),
    'three steps': dict(use_mini_batch=True, mini_batch_steps_per_iteration=3),
}
M = {'full batch': None, 'mini-batch': 1, 'three steps': 3}
DTYPES = (
    np.float64,
    np.float32,
    np.float16,
    tf.bfloat16.as_numpy_dtype,
    np.int64,
    np.int32,
    np.int8,
    np.uint8,
    np.bool_,
)
# Of most tests, which share graphs: d and k.
D, K = 3, 4
# Tuples of d and k of random cases.
SHAPES = ((D, K), (1, 1), (12, 8), (1, 5), (8, 1), (5, 2))
# Relative and absolute tolerance, by the dtype of the computation: float64
# points are clustered in float64, all other dtypes in float32.
TOLERANCE = {np.float64: (1e-9, 1e-9), np.float32: (1e-4, 1e-5)}


def build(points, centers, metric='squared_euclidean', mode='full batch'):
  """Returns a graph that is initialised with given centers."""
  graph = testing.TrainingGraph(
      clustering_ops.KMeans,
      points,
      len(centers),
      initial_clusters=centers,
      distance_metric=metric,
      **MODES[mode],
  )
  graph.initialize(points)
  return graph


def train(points, centers, steps=4, **kwargs):
  """Runs steps; returns the centers and the loss of each step."""
  graph = build(points, centers, **kwargs)
  losses = [
      graph.infer_and_step(points).distance.sum() for _ in range(steps)
  ]
  return graph.values()['clusters'], losses


@implementations.native_and_portable
class PropertyTest(parameterized.TestCase):

  @parameterized.product(metric=numpy_model.METRICS, mode=tuple(MODES))
  def test_prediction_is_the_argmin_of_transform(self, metric, mode):
    points, centers = testing.blobs(70, D, K, seed=1)
    model_dir = testing.temporary_folder(self)
    graph = build(points, centers, metric, mode)
    graph.step(points)
    graph.save(os.path.join(model_dir, 'model.ckpt'))
    kmeans = kmeans_estimator.KMeans(
        K, model_dir, distance_metric=metric, **MODES[mode]
    )
    ask = testing.input_fn(points)
    transformed = np.stack(list(kmeans.transform(ask)))
    index = list(kmeans.predict_cluster_index(ask))
    np.testing.assert_array_equal(index, transformed.argmin(axis=1))
    self.assertGreaterEqual(transformed.min(), 0)
    score = transformed.min(axis=1)
    if metric == numpy_model.SQUARED_EUCLIDEAN:
      score **= 2
    np.testing.assert_allclose(kmeans.score(ask), score.sum(), 1e-5)

  @parameterized.product(
      [dict(d=1, k=1), dict(d=D, k=K), dict(d=12, k=8)],
      metric=numpy_model.METRICS,
      seed=(0, 1, 2),
  )
  def test_full_batch_loss_never_rises(self, d, k, metric, seed):
    # The data has no groups, so that training converges slowly.
    points = np.random.RandomState(seed).normal(1, 1, [90, d])
    points = np.float32(points)
    _, losses = train(points, points[:k], steps=15, metric=metric)
    for before, after in zip(losses, losses[1:]):
      self.assertLessEqual(after, before * (1 + 1e-6))
    if k > 1:
      self.assertLess(losses[-1], losses[0])

  @parameterized.product(metric=numpy_model.METRICS, mode=tuple(MODES))
  def test_order_of_rows_changes_only_the_order_of_answers(self, metric, mode):
    points, centers = testing.blobs(60, D, K, seed=2)
    order = np.random.RandomState(0).permutation(len(points))
    expected, actual = (
        build(rows, centers, metric, mode) for rows in (points, points[order])
    )
    for _ in range(3):
      answers, permuted = (
          expected.infer_and_step(points),
          actual.infer_and_step(points[order]),
      )
      np.testing.assert_array_equal(permuted.index, answers.index[order])
      np.testing.assert_allclose(
          permuted.all_distances, answers.all_distances[order], 1e-4, 1e-5
      )
    np.testing.assert_allclose(
        actual.values()['clusters'], expected.values()['clusters'], 1e-5, 1e-6
    )

  @parameterized.product(mode=tuple(MODES), scale=(2.0**-20, 0.1, 2.0**20))
  def test_scaled_data_have_scaled_centers(self, mode, scale):
    points, centers = testing.blobs(60, D, K, seed=3)
    expected, losses = train(points, centers, mode=mode)
    actual, scaled = train(
        np.float32(points * scale), np.float32(centers * scale), mode=mode
    )
    np.testing.assert_allclose(actual, expected * scale, 1e-4, 1e-5 * scale)
    np.testing.assert_allclose(scaled, np.array(losses) * scale**2, 1e-4)

  @parameterized.product(mode=tuple(MODES))
  def test_scale_of_points_has_no_effect_with_cosine(self, mode):
    points, centers = testing.blobs(60, D, K, seed=3)
    expected, losses = train(points, centers, metric='cosine', mode=mode)
    scales = np.random.RandomState(0).lognormal(0, 3, [60, 1])
    actual, scaled = train(
        np.float32(points * scales), centers, metric='cosine', mode=mode
    )
    np.testing.assert_allclose(actual, expected, 1e-4, 1e-5)
    np.testing.assert_allclose(scaled, losses, 1e-4)

  @parameterized.product(mode=tuple(MODES))
  def test_shifted_data_have_shifted_centers(self, mode):
    points, centers = testing.blobs(60, D, K, seed=4, dtype=np.float64)
    expected, losses = train(points, centers, mode=mode)
    actual, shifted = train(points + 1e4, centers + 1e4, mode=mode)
    np.testing.assert_allclose(actual, expected + 1e4, rtol=0, atol=1e-10)
    np.testing.assert_allclose(shifted, losses, 1e-9)

  @parameterized.product(metric=numpy_model.METRICS)
  def test_doubled_data_double_the_loss_and_leave_the_centers(self, metric):
    points, centers = testing.blobs(60, D, K, seed=5)
    expected, losses = train(points, centers, metric=metric)
    actual, doubled = train(
        np.concatenate([points, points]), centers, metric=metric
    )
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)
    np.testing.assert_allclose(doubled, 2 * np.array(losses), 1e-5)

  @parameterized.product(metric=numpy_model.METRICS, mode=tuple(MODES))
  def test_converged_model_stays(self, metric, mode):
    _, centers = testing.blobs(10, D, K, seed=6)
    actual, losses = train(
        centers, centers, steps=3, metric=metric, mode=mode
    )
    if metric == numpy_model.COSINE:
      centers = numpy_model.normalize(centers)
    np.testing.assert_allclose(actual, centers, 1e-5)
    np.testing.assert_allclose(losses, 0, atol=1e-5)


def _random_cases(number):
  """Yields seed, dtype, metric, mode, d and k.

  54 successive cases have, for each dtype, every metric in every mode, and all
  of SHAPES.
  """
  for seed in range(number):
    turn, i = divmod(seed, len(DTYPES))
    yield (
        seed,
        DTYPES[i],
        numpy_model.METRICS[(turn + i) % 2],
        list(MODES)[turn % 3],
        *SHAPES[(turn + i) % 6],
    )


@implementations.on_every_implementation
class FuzzTest(parameterized.TestCase):
  """Tests random batches of several dtypes, d, k, metrics and modes."""

  def assert_nearest(self, index, to_all, atol):
    """Checks that no center is nearer; on a tie, rounding may choose."""
    chosen = to_all[np.arange(len(index)), index]
    np.testing.assert_array_less(chosen, to_all.min(axis=1) + atol)

  def is_tie(self, seen, k, atol):
    """Returns whether rounding decides which points go to empty clusters."""
    num_empty = k - len(np.unique(seen.index))
    farthest = np.sort(seen.distance)[::-1][: num_empty + 1]
    return num_empty > 0 and (np.diff(farthest) > -atol).any()

  @parameterized.parameters(*_random_cases(60))
  def test_random_case_equals_the_numpy_model(
      self, seed, dtype, metric, mode, d, k
  ):
    random = np.random.RandomState(seed)
    scale = 2.0 ** random.randint(0, 6)
    offset = random.randint(0, 3) * scale

    def draw(rows):
      x = random.normal(offset, scale, [rows, d])
      if d == 1 and metric == numpy_model.COSINE:
        # The mean of directions 1 and -1 may be 0; rounding then decides where
        # it points.
        x = np.abs(x)
      if dtype == np.bool_:
        return x > offset
      if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        x = x.clip(limits.min, limits.max)
      return x.astype(dtype)

    batches = [draw(random.randint(1, 40)) for _ in range(7)]
    computed = np.float64 if dtype == np.float64 else np.float32
    rtol, atol = TOLERANCE[computed]
    centers = draw(k)
    graph = build(batches[0], centers, metric, mode)
    state = numpy_model.initial_state(
        centers.astype(np.float64), metric, M[mode]
    )
    for batch in batches:
      points = batch.astype(np.float64)
      seen = graph.infer_and_step(batch)
      to_all = numpy_model.distances(points, state.clusters, metric)
      size = max(1, to_all.max())
      np.testing.assert_allclose(seen.all_distances, to_all, rtol, atol * size)
      self.assertGreaterEqual(seen.all_distances.min(), 0)
      self.assert_nearest(seen.index, to_all, atol * size)
      if mode == 'full batch' and self.is_tie(seen, k, atol * size):
        return
      state, loss = numpy_model.step(state, points, seen.index)
      np.testing.assert_allclose(
          seen.distance.sum(), loss, rtol, atol * size * len(points)
      )
      values = graph.values()
      self.assertEqual(values['clusters'].dtype, computed)
      testing.assert_state(values, state, rtol, atol * max(1, scale))


if __name__ == '__main__':
  absltest.main()
