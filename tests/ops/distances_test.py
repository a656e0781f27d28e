# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the distances against float64 NumPy."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import distances
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import testing

EUCLIDEAN, COSINE = numpy_model.METRICS
DTYPES = (np.float32, np.float64)
# Tuples of n, d and k.
SHAPES = (
    (0, 3, 2), (1, 1, 1), (1, 5, 3), (7, 1, 3), (7, 4, 1), (257, 31, 17),
    (640, 37, 300), (10_000, 20, 20),
)  # pyformat: disable
STATIC, UNKNOWN_ROWS, UNKNOWN = 'static', 'unknown_rows', 'unknown'


def _run(function, *arrays, shapes=STATIC, key=None):
  """Runs a function in a graph, on arrays of known or unknown static shape."""
  return sessions.Function(
      ('distances_test', key or function),
      function,
      *(
          (
              array.dtype,
              {
                  STATIC: array.shape,
                  UNKNOWN_ROWS: [None, *array.shape[1:]],
                  UNKNOWN: [None] * array.ndim,
              }[shapes],
          )
          for array in arrays
      ),
  )(*arrays)


def _pairwise(points, centers, metric=EUCLIDEAN, shapes=STATIC):
  return _run(
      lambda *inputs: distances.pairwise(*inputs, metric),
      points,
      centers,
      shapes=shapes,
      key=('pairwise', metric),
  )


class PairwiseTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      shape=SHAPES, metric=numpy_model.METRICS, dtype=DTYPES
  )
  def test_equals_numpy(self, shape, metric, dtype):
    points, centers = testing.around_centers(*shape, metric, dtype)
    result = _pairwise(points, centers, metric)
    exact = numpy_model.distances(points, centers, metric)
    self.assertEqual(result.dtype, dtype)
    self.assertEqual(result.shape, exact.shape)
    eps = 1e-6 if dtype == np.float32 else 1e-13
    self.assertAllClose(
        result, exact, rtol=100 * eps, atol=eps * exact.max(initial=1.0)
    )
    self.assertFalse((result < 0).any())

  @parameterized.product(
      shape=((0, 3, 2), (7, 3, 9), (257, 31, 17)),
      metric=numpy_model.METRICS,
      shapes=(UNKNOWN_ROWS, UNKNOWN),
  )
  def test_results_are_equal_with_unknown_shapes(self, shape, metric, shapes):
    points, centers = testing.around_centers(*shape, metric)
    self.assertAllEqual(
        _pairwise(points, centers, metric, shapes),
        _pairwise(points, centers, metric),
    )

  def test_static_shapes_are_known(self):
    with tf.Graph().as_default():
      points = tf.compat.v1.placeholder(tf.float32, [None, 3])
      for shape in (7, 9), (None, 9):
        result = distances.pairwise(
            points if shape[0] is None else tf.zeros([7, 3]),
            tf.zeros([9, 3]),
            EUCLIDEAN,
        )
        self.assertEqual(result.shape.as_list(), list(shape))

  @parameterized.parameters(1, 2, 4)
  def test_wrong_number_of_columns_is_refused(self, columns):
    points, centers = np.zeros([5, columns], 'f'), np.zeros([2, 3], 'f')
    message = f'{columns}.*3|3.*{columns}'
    with self.assertRaisesRegex(ValueError, message):
      _pairwise(points, centers)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _pairwise(points, centers, shapes=UNKNOWN)

  @parameterized.product(dtype=DTYPES, metric=numpy_model.METRICS)
  def test_row_with_nan_or_inf_affects_no_other_row(self, dtype, metric):
    points, centers = testing.around_centers(300, 8, 40, metric, dtype)
    clean = _pairwise(points, centers, metric)
    bad = [0, 17, 299]
    points[bad, [0, 3, 7]] = np.nan, np.inf, -np.inf
    result = _pairwise(points, centers, metric)
    good = np.setdiff1d(np.arange(300), bad)
    self.assertFalse(np.isfinite(result[bad]).any())
    self.assertAllEqual(result[good], clean[good])

  @parameterized.parameters(np.float32, np.float64)
  def test_distances_that_overflow_are_infinite(self, dtype):
    largest = np.finfo(dtype).max
    points = np.array([[-largest, 1], [largest, largest], [1, 1]], dtype)
    centers = np.array([[0, 0], [5, 5], [-5, -5], [5, -5]], dtype)
    found = _pairwise(points, centers, 'squared_euclidean')
    self.assertAllEqual(found[:2], np.full([2, 4], np.inf))
    self.assertAllClose(found[2], [2, 32, 72, 52])

  def test_zero_vectors_are_at_cosine_distance_1(self):
    points, centers = testing.around_centers(80, 3, 4, COSINE)
    points[:20] = 0
    centers[2] = 0
    result = _pairwise(points, centers, COSINE)
    self.assertAllEqual(result[:20], np.ones([20, 4]))
    self.assertAllClose(result[:, 2], np.ones([80]))

  @parameterized.parameters(*numpy_model.METRICS)
  def test_xla_compiles_distances(self, metric):
    points, centers = testing.around_centers(640, 24, 40, metric)
    compiled = tf.function(distances.pairwise, jit_compile=True)
    exact = numpy_model.distances(points, centers, metric)
    self.assertAllClose(
        compiled(tf.constant(points), tf.constant(centers), metric),
        exact,
        rtol=1e-4,
        atol=1e-6 * exact.max(),
    )


class FarFromOriginTest(tf.test.TestCase, parameterized.TestCase):

  def _data(self, k=6, emptied=()):
    random = np.random.RandomState(3)
    grid = np.stack(np.meshgrid(*[[0, 4]] * 3), -1).reshape(-1, 3)[:k]
    centers = 5e3 + np.pad(grid, [(0, 0), (0, 2)])
    used = np.setdiff1d(np.arange(k), emptied)
    points = centers[random.choice(used, 500)]
    points += random.normal(0, 0.2, points.shape)
    centers[list(emptied)] = 0
    return points.astype(np.float32), centers.astype(np.float32)

  @parameterized.parameters((), (0,), (2, 5), (0, 1, 2, 3))
  def test_centers_at_0_cost_no_accuracy(self, *emptied):
    points, centers = self._data(emptied=emptied)
    exact = numpy_model.distances(points, centers, EUCLIDEAN)
    result = _pairwise(points, centers)
    self.assertAllClose(result, exact, rtol=1e-3, atol=1e-5)

  def test_one_of_two_centers_at_0_costs_no_accuracy(self):
    points, centers = self._data(k=2, emptied=(0,))
    exact = numpy_model.distances(points, centers, EUCLIDEAN)
    result = _pairwise(points, centers)
    self.assertAllClose(result, exact, rtol=1e-3, atol=1e-5)

  def test_one_far_center_costs_no_accuracy(self):
    points, centers = self._data(k=5)
    centers = np.concatenate([centers, np.full([1, 5], 1e6, np.float32)])
    exact = numpy_model.distances(points, centers, EUCLIDEAN)
    result = _pairwise(points, centers)
    self.assertAllClose(result, exact, rtol=1e-3, atol=1e-5)

  def test_nearly_parallel_vectors_have_accurate_cosine_distances(self):
    # For these vectors 1 - u.v rounds to 0 in float32.
    points, centers = (
        numpy_model.normalize(x.astype(np.float64)).astype(np.float32)
        for x in self._data()
    )
    exact = numpy_model.distances(points, centers, COSINE)
    self.assertLess(exact.max(), 1e-6)
    result = _pairwise(points, centers, COSINE)
    self.assertAllClose(result, exact, rtol=1e-2, atol=2e-12)


class ScoresTest(tf.test.TestCase, parameterized.TestCase):

  def _index(self, points, centers, metric):
    return _run(
        lambda *inputs: distances.scores(*inputs, metric).nearest(),
        points,
        centers,
        key=('scores', metric),
    )

  @parameterized.product(k=(3, 40), metric=numpy_model.METRICS)
  def test_tie_goes_to_the_center_of_lowest_index(self, k, metric):
    # With small integers nothing rounds, so ties are exact.
    random = np.random.RandomState(k)
    points = random.randint(-1, 2, [200, 2]).astype(np.float32)
    centers = random.randint(-1, 2, [k, 2]).astype(np.float32)
    if metric == COSINE:
      points[:] = [[1, 0]]
      centers[:] = np.where(random.uniform(size=[k, 1]) < 0.5, [0, 1], [0, -1])
    exact = numpy_model.distances(points, centers, metric)
    index = self._index(points, centers, metric)
    self.assertEqual(index.dtype, np.int64)
    self.assertAllEqual(index, exact.argmin(axis=1))

  def test_zero_vectors_go_to_the_first_center(self):
    points, centers = testing.around_centers(20, 3, 4, COSINE)
    points[5:] = 0
    index = self._index(points, centers, COSINE)
    self.assertAllEqual(index[5:], np.zeros([15]))


class OriginTest(tf.test.TestCase, parameterized.TestCase):

  def test_origin_of_centers_is_one_of_the_centers(self):
    centers = np.float32([[0, 0], [8, 9], [5, 5], [4, 4], [0, 0]])
    # The mean of the nonzero centers is [5.7, 6].
    origin = _run(distances.center_origin, centers)
    self.assertAllEqual(origin, [5, 5])
    self.assertAllEqual(_run(distances.center_origin, centers * 0), [0, 0])

  @parameterized.product(
      n=(1, 2, 15, 16, 17, 31, 32, 500), shapes=(STATIC, UNKNOWN_ROWS, UNKNOWN)
  )
  def test_origin_of_a_batch_is_the_median_of_at_most_31_rows(self, n, shapes):
    points = testing.around_centers(n, 3, 4)[0]
    sample, origin = _run(
        lambda x: (distances.sample(x), distances.batch_origin(x)),
        points,
        shapes=shapes,
        key='sample and origin',
    )
    self.assertBetween(len(sample), min(n, 16), 31)
    for row in sample:
      self.assertIn(row.tolist(), points.tolist())
    self.assertAllEqual(
        origin, np.sort(sample, axis=0)[(len(sample) - 1) // 2]
    )

  @parameterized.parameters(np.nan, np.inf, -np.inf, 1e30)
  def test_origin_stays_finite_and_near_the_data_despite_outliers(
      self, outlier
  ):
    points, _ = testing.around_centers(200, 3, 4, offset=1e3)
    points[:80, 1] = outlier
    origin = _run(distances.batch_origin, points)
    self.assertTrue(np.isfinite(origin).all())
    self.assertAllClose(origin[[0, 2]], [1e3] * 2, atol=20)
    points[:, 1] = outlier
    self.assertTrue(np.isfinite(_run(distances.batch_origin, points)).all())

  @parameterized.parameters(STATIC, UNKNOWN_ROWS, UNKNOWN)
  def test_origin_of_a_batch_without_rows_is_0(self, shapes):
    origin = _run(
        distances.batch_origin, np.zeros([0, 3], np.float32), shapes=shapes
    )
    self.assertAllEqual(origin, np.zeros([3]))


class L2NormalizeTest(tf.test.TestCase):

  def test_rows_have_unit_length(self):
    tiny, huge = 1e-37, 1e38
    x = np.array(
        [[3, 4], [0, 0], [tiny, tiny], [-huge, huge], [0, -7]], np.float32
    )
    half = np.sqrt(0.5)
    self.assertAllClose(
        self.evaluate(distances.l2_normalize(tf.constant(x))),
        [[0.6, 0.8], [0, 0], [half, half], [-half, half], [0, -1]],
    )

  def test_rows_with_nan_or_inf_hold_nan(self):
    x = tf.constant([[1, np.nan], [np.inf, 1], [-np.inf, np.inf], [0, 1]])
    result = self.evaluate(distances.l2_normalize(x))
    self.assertAllEqual(
        np.isnan(result).any(axis=1), [True, True, True, False]
    )


if __name__ == '__main__':
  tf.test.main()
