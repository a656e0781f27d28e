# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Allocation and sums against float64 NumPy, on every implementation."""

from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import native
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import testing

EUCLIDEAN, COSINE = numpy_model.METRICS
DTYPES = (np.float32, np.float64)
# n, d, k: the smallest of each; several blocks or parts, the last of them full
# or not; more centers than a tile, more columns than a vector.
SHAPES = (
    (0, 3, 2), (1, 1, 1), (1, 5, 3), (7, 1, 3), (7, 4, 1), (257, 31, 17),
    (640, 37, 300), (2500, 20, 13),
)  # pyformat: disable
# Batches are divided as large ones are: blocks of 64 rows, 16 nodes.
DIVIDED = dict(
    _MAX_AT_ONCE=0, _BLOCK_ELEMENTS=0, _MIN_BLOCK_ROWS=64, _PART_WORK=1
)
WHOLE = dict(_MAX_AT_ONCE=2**40, _PART_WORK=2**40)
SIZES = dict(whole=WHOLE, divided=DIVIDED)
STATIC, UNKNOWN_ROWS, UNKNOWN = 'static', 'unknown_rows', 'unknown'


def _sized(size):
  return mock.patch.multiple(allocation_lib, **SIZES[size])


def _inputs(shapes, points, *others):
  """Dtypes and static shapes of inputs: the shapes of arrays, or less."""
  of_points = {
      STATIC: points.shape,
      UNKNOWN_ROWS: [None, points.shape[1]],
      UNKNOWN: [None, None],
  }[shapes]
  return [(points.dtype, of_points)] + [
      (other.dtype, [None] * other.ndim if shapes == UNKNOWN else other.shape)
      for other in others
  ]


def _allocate(points, centers, metric, weights=None):
  """One shard's index and distance, and the sums."""
  [allocation], sums = allocation_lib.allocate(
      [points], centers, metric, None if weights is None else [weights]
  )
  return allocation, sums._replace(
      origin=tf.zeros_like(sums.values[0])
      if sums.origin is None
      else sums.origin
  )


def _function(key, build, metric, size, inputs):
  """A graph of `build(*inputs, metric)`, whose batches are of a size."""

  def build_sized(*tensors):
    with _sized(size):
      return build(*tensors, metric)

  n = inputs[0][1][0]
  if n is not None and n <= 64 and not implementations.are_native():
    # Portable ops do not divide so few rows.
    size = 'whole'
  return sessions.Function(
      ('allocation_test', key, metric, size), build_sized, *inputs
  )


def _run(points, centers, metric=EUCLIDEAN, size='divided', shapes=STATIC):
  return _function(
      'allocate', _allocate, metric, size, _inputs(shapes, points, centers)
  )(points, centers)


def _all_results(points, centers, weights, metric):
  """The results without weights, with weights, and without sums."""
  return (
      _allocate(points, centers, metric),
      _allocate(points, centers, metric, weights),
      allocation_lib.nearest(points, centers, metric),
  )


class _AllocationTestCase(tf.test.TestCase, parameterized.TestCase):

  def assert_allocation(self, allocation, points, centers, metric):
    exact = numpy_model.distances(points, centers, metric)
    self.assertEqual(allocation.index.dtype, np.int64)
    self.assertEqual(allocation.distance.dtype, points.dtype)
    self.assertEqual(allocation.index.shape, (len(points),))
    scale = 1e-5 if points.dtype == np.float32 else 1e-12
    scale *= exact.max(initial=1e-30)
    nearest = exact.min(axis=1)
    self.assertAllClose(allocation.distance, nearest, rtol=1e-4, atol=scale)
    # Another index than NumPy's only where rounding decides.
    chosen = exact[np.arange(len(points)), allocation.index]
    self.assertAllClose(chosen, nearest, rtol=1e-4, atol=scale)

  def assert_sums(self, sums, index, points, k, metric, weights=None):
    is_native = implementations.are_native()
    dtypes = np.float64, np.float64
    if not is_native:
      dtypes = points.dtype, np.int64 if weights is None else points.dtype
    self.assertEqual((sums.values.dtype, sums.totals.dtype), dtypes)
    points = points.astype(np.float64)
    if metric == COSINE:
      points = numpy_model.normalize(points)
    weights = np.ones(len(points)) if weights is None else weights
    totals, exact = np.zeros([k]), np.zeros([k, points.shape[1]])
    np.add.at(totals, index, weights)
    np.add.at(exact, index, weights[:, np.newaxis] * points)
    eps = 1e-12 if sums.values.dtype == np.float64 else 1e-5
    if is_native and metric == COSINE:
      # Points of unit length are as exact as their dtype.
      eps = max(eps, 10 * np.finfo(sums.origin.dtype).eps, 1e-6)
    scale = eps * np.abs(points).max(initial=1) * max(1, totals.max())
    if weights.any() and (weights == weights.astype(int)).all():
      self.assertAllEqual(sums.totals, totals)
    self.assertAllClose(sums.totals, totals, rtol=eps, atol=eps)
    self.assertAllClose(
        sums.values + sums.totals[:, np.newaxis] * np.float64(sums.origin),
        exact,
        rtol=eps,
        atol=scale,
    )


@implementations.on_every_implementation
class AllocationTest(_AllocationTestCase):

  @parameterized.product(
      shape=SHAPES, metric=numpy_model.METRICS, dtype=DTYPES, size=tuple(SIZES)
  )
  def test_equals_numpy(self, shape, metric, dtype, size):
    points, centers = testing.around_centers(*shape, metric, dtype)
    n, _, k = shape
    if metric == COSINE:
      # Of any length, and added up as if it were 1.
      lengths = 2.0 ** np.random.RandomState(2).randint(-9, 10, [n, 1])
      points *= lengths.astype(dtype)
    weights = np.random.RandomState(1).randint(0, 4, n).astype(dtype)
    weights += dtype(0.25) * (np.arange(n) % 3 == 0).astype(dtype)
    inputs = _inputs(STATIC, points, centers, weights)
    function = _function('all', _all_results, metric, size, inputs)
    plain, weighted, nearest = function(points, centers, weights)
    _, ones, _ = function(points, centers, np.ones_like(weights))
    allocation, sums = plain
    self.assert_allocation(allocation, points, centers, metric)
    self.assert_sums(sums, allocation.index, points, k, metric)
    # Weights of 1 are none, to the bit.
    self.assertAllEqual(ones[0].index, allocation.index)
    self.assertAllEqual(ones[0].distance, allocation.distance)
    for field in 'values', 'totals', 'origin':
      self.assertAllEqual(getattr(ones[1], field), getattr(sums, field))
    # Others change the sums and nothing else.
    self.assertAllEqual(weighted[0].index, allocation.index)
    self.assertAllEqual(weighted[0].distance, allocation.distance)
    self.assert_sums(
        weighted[1], allocation.index, points, k, metric, weights
    )
    self.assert_allocation(nearest, points, centers, metric)

  @parameterized.product(
      shape=((0, 3, 9), (7, 3, 9), (128, 33, 40), (257, 33, 40)),
      metric=numpy_model.METRICS,
      shapes=(UNKNOWN_ROWS, UNKNOWN),
  )
  def test_equals_numpy_with_unknown_shapes(self, shape, metric, shapes):
    points, centers = testing.around_centers(*shape, metric)
    weights = np.arange(shape[0]).astype(np.float32) % 3
    inputs = _inputs(shapes, points, centers) + [(np.float32, [None])]
    (allocation, sums), weighted, nearest = _function(
        'all', _all_results, metric, 'divided', inputs
    )(points, centers, weights)
    k = shape[2]
    self.assert_allocation(allocation, points, centers, metric)
    self.assert_sums(sums, allocation.index, points, k, metric)
    self.assert_sums(
        weighted[1], weighted[0].index, points, k, metric, weights
    )
    self.assert_allocation(nearest, points, centers, metric)

  @parameterized.parameters(None, 0)
  def test_empty_first_shards_cost_no_accuracy_far_from_0(self, rows):
    random = np.random.RandomState(0)
    points = np.float32(1e5 + random.uniform(-1, 1, [200, 2]))
    centers = points[:4]
    allocations = sessions.Function(
        ('allocation_test', 'empty first shards', rows),
        lambda empty, points, centers: allocation_lib.allocate(
            [empty, empty, points], centers, 'squared_euclidean'
        )[0],
        (np.float32, [rows, 2]),
        (np.float32, [None, 2]),
        (np.float32, [None, 2]),
    )(points[:0], points, centers)
    self.assert_allocation(
        allocations[-1], points, centers, 'squared_euclidean'
    )

  @parameterized.parameters(*numpy_model.METRICS)
  def test_shards_are_allocated_like_one_batch(self, metric):
    points, centers = testing.around_centers(300, 5, 7, metric)
    weights = np.random.RandomState(0).uniform(size=300).astype(np.float32)
    places = [0, 10, 10, 200, 300]
    parts = [slice(*pair) for pair in zip(places, places[1:])]
    for with_weights in None, weights:
      allocations, sums = self.evaluate(
          allocation_lib.allocate(
              [tf.constant(points[part]) for part in parts],
              tf.constant(centers),
              metric,
              None
              if with_weights is None
              else [tf.constant(weights[part]) for part in parts],
          )
      )
      joined = allocation_lib.Allocation(
          *(np.concatenate(x) for x in zip(*allocations))
      )
      self.assert_allocation(joined, points, centers, metric)
      if sums.origin is None:
        sums = sums._replace(origin=np.zeros([5], np.float32))
      self.assert_sums(sums, joined.index, points, 7, metric, with_weights)

  def test_static_shapes_are_known(self):
    for n, d, k in (7, 3, 9), (640, 3, 9), (700, 20, 300):
      with tf.Graph().as_default(), _sized('divided'):
        centers = tf.zeros([k, d])
        for rows in n, None:
          points = tf.compat.v1.placeholder(tf.float32, [rows, d])
          (index, distance), sums = _allocate(points, centers, EUCLIDEAN)
          nearest = allocation_lib.nearest(points, centers, EUCLIDEAN)
          for tensor in index, distance, *nearest:
            self.assertEqual(tensor.shape.as_list(), [rows])
          self.assertEqual(sums.values.shape, [k, d])
          self.assertEqual(sums.totals.shape, [k])

  @parameterized.product(columns=(1, 2, 4), size=tuple(SIZES))
  def test_wrong_number_of_columns_is_refused(self, columns, size):
    points, centers = np.zeros([500, columns], 'f'), np.zeros([2, 3], 'f')
    message = f'{columns}.*3|3.*{columns}'
    with self.assertRaisesRegex(ValueError, message):
      _run(points, centers, size=size)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _run(points, centers, size=size, shapes=UNKNOWN)
    nearest = _function(
        'nearest',
        allocation_lib.nearest,
        EUCLIDEAN,
        size,
        _inputs(UNKNOWN, points, centers),
    )
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      nearest(points, centers)

  @parameterized.product(
      shape=((10_000, 32, 50), (6_000, 33, 200)), metric=numpy_model.METRICS
  )
  def test_reruns_are_bit_identical(self, shape, metric):
    points, centers = testing.around_centers(*shape, metric)

    def build(points, centers):
      outputs = [_allocate(points, centers, metric)]
      for size in SIZES:
        with _sized(size):
          outputs.append(_allocate(points, centers, metric))
      return outputs

    function = sessions.Function(
        ('allocation_test', 'every size', metric),
        build,
        *_inputs(STATIC, points, centers),
    )
    runs = [function(points, centers) for _ in range(6)]
    for run in runs[1:]:
      for a, b in zip(tf.nest.flatten(runs[0]), tf.nest.flatten(run)):
        self.assertEqual(a.tobytes(), b.tobytes())

  @parameterized.product(metric=numpy_model.METRICS, dtype=DTYPES)
  def test_equal_allocations_give_equal_sums(self, metric, dtype):
    points, centers = testing.around_centers(900, 5, 6, metric, dtype)
    random = np.random.RandomState(0)
    (first, sums), *others = (
        _run(points, moved, metric)
        for moved in (
            centers,
            (centers + random.normal(0, 0.01, centers.shape)).astype(dtype),
            np.nextafter(centers, dtype(9)),
        )
    )
    for other, other_sums in others:
      self.assertAllEqual(other.index, first.index)
      for field in 'values', 'totals', 'origin':
        self.assertEqual(
            getattr(other_sums, field).tobytes(), getattr(sums, field).tobytes()
        )


@implementations.on_every_implementation
class FarFromOriginTest(_AllocationTestCase):

  def _data(self, k=6, emptied=()):
    random = np.random.RandomState(3)
    grid = np.stack(np.meshgrid(*[[0, 4]] * 3), -1).reshape(-1, 3)[:k]
    centers = 5e3 + np.pad(grid, [(0, 0), (0, 2)])
    used = np.setdiff1d(np.arange(k), emptied)
    points = centers[random.choice(used, 2000)]
    points += random.normal(0, 0.2, points.shape)
    centers[list(emptied)] = 0
    return points.astype(np.float32), centers.astype(np.float32)

  @parameterized.product(
      emptied=((), (0,), (2, 5), (0, 1, 2, 3)), size=tuple(SIZES)
  )
  def test_equals_numpy(self, emptied, size):
    points, centers = self._data(emptied=emptied)
    exact = numpy_model.distances(points, centers, EUCLIDEAN)
    (index, distance), sums = _run(points, centers, size=size)
    self.assertAllEqual(index, exact.argmin(axis=1))
    self.assertAllClose(distance, exact.min(axis=1), rtol=1e-3, atol=1e-5)
    for j in np.unique(index):
      mean = sums.origin + sums.values[j] / sums.totals[j]
      expected = points[index == j].astype(np.float64).mean(axis=0)
      self.assertAllClose(mean, expected, rtol=0, atol=5e-4)

  @parameterized.parameters(*SIZES)
  def test_long_sums_keep_differences(self, size):
    # Added up as they are in float32, these would be rounded to multiples of 4.
    n = 20_000
    points = np.full([n, 2], 5000.25, np.float32)
    points[::2] = 5000.75
    centers = np.array([[5000, 5000], [0, 0]], np.float32)
    _, sums = _run(points, centers, size=size)
    self.assertAllEqual(sums.totals, [n, 0])
    self.assertAllClose(
        sums.origin + sums.values[0] / n, [5000.5] * 2, rtol=1e-7
    )
    self.assertAllEqual(sums.values[1], [0, 0])

  def test_one_far_center_costs_no_accuracy(self):
    points, centers = self._data(k=5)
    centers = np.concatenate([centers, np.full([1, 5], 1e6, np.float32)])
    exact = numpy_model.distances(points, centers, EUCLIDEAN)
    (index, distance), _ = _run(points, centers)
    self.assertAllEqual(index, exact.argmin(axis=1))
    self.assertAllClose(distance, exact.min(axis=1), rtol=1e-3, atol=1e-5)

  @parameterized.parameters(*SIZES)
  def test_nearly_parallel_vectors_have_accurate_cosine_distances(self, size):
    # 1 - u.v of these is less than float32 tells from 0.
    points, centers = (
        numpy_model.normalize(x.astype(np.float64)).astype(np.float32)
        for x in self._data()
    )
    exact = numpy_model.distances(points, centers, COSINE)
    self.assertLess(exact.max(), 1e-6)
    (_, distance), _ = _run(points, centers, COSINE, size)
    self.assertAllClose(distance, exact.min(axis=1), rtol=1e-2, atol=2e-12)


@implementations.on_every_implementation
class OddInputTest(_AllocationTestCase):

  @parameterized.product(
      k=(3, 40, 300), metric=numpy_model.METRICS, size=tuple(SIZES)
  )
  def test_tie_goes_to_the_center_of_lowest_index(self, k, metric, size):
    # Small integers, so that ties are exact.
    random = np.random.RandomState(k)
    points = random.randint(-1, 2, [200, 2]).astype(np.float32)
    centers = random.randint(-1, 2, [k, 2]).astype(np.float32)
    if metric == COSINE:
      points[:] = [[1, 0]]
      centers[:] = np.where(random.uniform(size=[k, 1]) < 0.5, [0, 1], [0, -1])
    exact = numpy_model.distances(points, centers, metric)
    (index, _), _ = _run(points, centers, metric, size)
    self.assertAllEqual(index, exact.argmin(axis=1))

  @parameterized.product(
      metric=numpy_model.METRICS, dtype=DTYPES, k=(4, 40), size=tuple(SIZES)
  )
  def test_bad_rows_have_no_finite_distance_and_affect_no_other_row(
      self, metric, dtype, k, size
  ):
    points, centers = testing.around_centers(300, 8, k, metric, dtype)
    # The batch's origin is found from some rows, of which these are none.
    bad = [1, 19, 299]
    clean, _ = _run(points, centers, metric, size)
    points[bad, [0, 3, 7]] = np.nan, np.inf, -np.inf
    (index, distance), sums = _run(points, centers, metric, size)
    self.assertAllEqual(np.flatnonzero(~np.isfinite(distance)), bad)
    self.assertFalse(np.isfinite(distance.sum()))
    self.assertFalse(np.isfinite(sums.values.sum()))
    self.assertAllInRange(index, 0, k - 1)
    self.assertEqual(sums.totals.sum(), 300)
    good = np.setdiff1d(np.arange(300), bad)
    self.assertAllEqual(index[good], clean.index[good])
    self.assertAllEqual(distance[good], clean.distance[good])

  @parameterized.product(metric=numpy_model.METRICS, size=tuple(SIZES))
  def test_batch_of_bad_rows_has_no_finite_distance(self, metric, size):
    points, centers = testing.around_centers(100, 3, 4, metric)
    points[:, 1] = np.nan
    (index, distance), sums = _run(points, centers, metric, size)
    self.assertFalse(np.isfinite(distance).any())
    self.assertAllInRange(index, 0, 3)
    self.assertEqual(sums.totals.sum(), 100)

  @parameterized.parameters(*SIZES)
  def test_zero_vectors_are_at_cosine_distance_1(self, size):
    points, centers = testing.around_centers(100, 3, 4, COSINE)
    points[:20] = 0
    centers[2] = 0
    (index, distance), sums = _run(points, centers, COSINE, size)
    self.assertAllEqual(index[:20], np.zeros([20]))
    self.assertAllEqual(distance[:20], np.ones([20]))
    self.assert_sums(sums, index, points, 4, COSINE)
    self.assertNotIn(2, index)
    (index, distance), _ = _run(points, centers * 0, COSINE, size)
    self.assertAllEqual(index, np.zeros([100]))
    self.assertAllClose(distance, np.ones([100]))

  @parameterized.parameters(*SIZES)
  def test_cosine_ignores_lengths_whose_squares_over_or_underflow(self, size):
    points, centers = testing.around_centers(100, 3, 4, COSINE)
    expected, _ = _run(points, centers, COSINE, size)
    points[::2] *= np.float32(1e-30)
    points[1::2] *= np.float32(1e30)
    (index, distance), _ = _run(points, centers, COSINE, size)
    self.assertAllEqual(index, expected.index)
    self.assertAllClose(distance, expected.distance, atol=1e-6)

  @parameterized.parameters(*SIZES)
  def test_points_go_to_the_first_center_if_all_centers_are_0(self, size):
    points, _ = testing.around_centers(100, 3, 4)
    (index, distance), sums = _run(
        points, np.zeros([4, 3], np.float32), size=size
    )
    self.assertAllEqual(index, np.zeros([100]))
    self.assertAllClose(distance, np.square(points).sum(axis=1), rtol=1e-5)
    self.assert_sums(sums, index, points, 4, EUCLIDEAN)

  def test_weight_of_0_is_an_absent_point(self):
    points, centers = testing.around_centers(100, 3, 5)
    weights = np.arange(100).astype(np.float32) % 2
    zero, without = (
        self.evaluate(
            _allocate(
                tf.constant(rows), tf.constant(centers), EUCLIDEAN, row_weights
            )
        )[1]
        for rows, row_weights in (
            (points, tf.constant(weights)),
            (points[1::2], tf.ones([50])),
        )
    )
    self.assertAllEqual(zero.totals, without.totals)
    means = [
        s.origin + s.values / np.maximum(s.totals, 1)[:, np.newaxis]
        for s in (zero, without)
    ]
    self.assertAllClose(*means, rtol=1e-5, atol=1e-5)


class SumsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      dtype=DTYPES, totals_dtype=(np.int64, np.float64), offset=(None, 3.0)
  )
  def test_mean_and_less_agree_with_numpy(self, dtype, totals_dtype, offset):
    values = np.array([[2, 4], [0, 0], [9, 3]], dtype)
    totals = np.array([2, 0, 3], totals_dtype)
    origin = offset and tf.constant([offset] * 2, dtype)
    sums = allocation_lib.Sums(tf.constant(values), tf.constant(totals), origin)
    mean = sums.mean()
    self.assertEqual(mean.dtype, dtype)
    self.assertAllEqual(mean[::2] - (offset or 0), [[1, 2], [3, 1]])
    centers = np.array([[4, 4], [9, 9], [5, 4]], np.float32)
    less = sums.less(tf.constant(centers))
    self.assertEqual(less.dtype, dtype)
    shifted = centers - (offset or 0)
    self.assertAllEqual(
        less, values - totals.astype(dtype)[:, np.newaxis] * shifted
    )


class ChoiceOfOpsTest(tf.test.TestCase, parameterized.TestCase):

  _LARGE = (4096, 64, 64)

  def _op_types(self, function, n, d, k):
    """The types of all ops that a function makes, in bodies of loops too."""
    with tf.Graph().as_default() as graph:
      function(
          tf.compat.v1.placeholder(tf.float32, [n, d]),
          tf.compat.v1.placeholder(tf.float32, [k, d]),
      )
    proto = graph.as_graph_def()
    nodes = list(proto.node)
    for body in proto.library.function:
      nodes.extend(body.node_def)
    return [node.op for node in nodes]

  def _allocate(self, points, centers):
    return _allocate(points, centers, EUCLIDEAN)

  def _nearest(self, points, centers):
    return allocation_lib.nearest(points, centers, EUCLIDEAN)

  def _assert_portable(self, function):
    types = self._op_types(function, *self._LARGE)
    self.assertIn('MatMul', types)
    self.assertFalse([op for op in types if op.startswith('KmeansEstimator')])

  @parameterized.parameters(4096, None)
  def test_ops_are_native_on_a_cpu(self, n):
    for function, op in (
        (self._allocate, 'KmeansEstimator>Allocate'),
        (self._nearest, 'KmeansEstimator>Nearest'),
    ):
      types = self._op_types(function, n, *self._LARGE[1:])
      if native.is_available():
        self.assertIn(op, types)
        self.assertNotIn('MatMul', types)
      else:
        self.assertIn('MatMul', types)

  def test_ops_are_portable_inside_portable_ops(self):
    with placement.portable_ops():
      self._assert_portable(self._allocate)
      with placement.portable_ops():
        self._assert_portable(self._nearest)
      self._assert_portable(self._nearest)

  def test_ops_are_portable_unless_certain_to_run_on_a_cpu(self):
    # As a model does, they create the centers where they allocate points.
    def on_gpu(points, centers):
      with tf.device('/GPU:0'):
        return self._allocate(points, tf.identity(centers))

    def in_xla_scope(points, centers):
      with tf.xla.experimental.jit_scope():
        return self._nearest(points, tf.identity(centers))

    def in_function(points, centers):
      return tf.function(self._allocate)(points, centers)

    def for_tpu(points, centers):
      return tf.compat.v1.tpu.rewrite(
          lambda *inputs: tf.nest.flatten(self._allocate(*inputs)),
          [points, centers],
      )

    for function in on_gpu, in_xla_scope, in_function, for_tpu:
      self._assert_portable(function)

  def test_ops_are_portable_beside_a_gpu(self):
    with mock.patch.object(
        tf.config, 'list_physical_devices', lambda kind: [kind]
    ):
      self._assert_portable(self._allocate)
      self._assert_portable(self._nearest)

  @parameterized.parameters(
      # rows, columns and centers; nodes without and with sums
      (500, 2, 5, 1, 1),
      (10_000, 20, 20, 3, 3),
      (50_000, 100, 50, 16, 16),
      (500_000, 100, 500, 64, 64),
      (None, 2, 5, 4, 4),
      # All their sums would take much memory.
      (50_000, 1000, 1000, 64, 4),
      (50_000, 3000, 3000, 64, 1),
  )
  def test_nodes_share_the_rows(self, n, d, k, without, with_sums):
    if not native.is_available():
      without = with_sums = 0
    for function, op, expected in (
        (self._nearest, 'KmeansEstimator>Nearest', without),
        (self._allocate, 'KmeansEstimator>Allocate', with_sums),
    ):
      self.assertEqual(self._op_types(function, n, d, k).count(op), expected)

  @parameterized.parameters((4096, False), (None, True), (10**6, True))
  def test_portable_ops_loop_over_many_or_unknown_rows(self, n, expected):
    with placement.portable_ops():
      for function in self._allocate, self._nearest:
        types = self._op_types(function, n, 16, 8)
        has_loop = bool({'While', 'StatelessWhile'} & set(types))
        self.assertEqual(has_loop, expected)

  def test_blocks_are_larger_on_a_gpu(self):
    def on_gpu(points, centers):
      with tf.device('/GPU:0'):
        return self._allocate(points, tf.identity(centers))

    for n, expected in (10**6, False), (10**8, True):
      types = self._op_types(on_gpu, n, 16, 8)
      self.assertEqual(
          bool({'While', 'StatelessWhile'} & set(types)), expected
      )


class CompiledTest(_AllocationTestCase):

  # Few rows are not divided.
  @parameterized.product(
      shape_and_size=(
          ((7, 3, 9), 'whole'),
          ((700, 20, 300), 'whole'),
          ((700, 20, 300), 'divided'),
      ),
      metric=numpy_model.METRICS,
  )
  def test_compiled_allocation_equals_the_uncompiled_one(
      self, shape_and_size, metric
  ):
    shape, size = shape_and_size
    arrays = testing.around_centers(*shape, metric)
    inputs = *map(tf.constant, arrays), tf.linspace(0.0, 1.0, shape[0])
    with _sized(size):
      plain, compiled = (
          function(*inputs)
          for function in testing.plain_and_compiled(
              lambda *tensors: _all_results(*tensors, metric)
          )
      )
    self.assertAllEqual(compiled[0][0].index, plain[0][0].index)
    self.assertAllEqual(compiled[0][1].totals, plain[0][1].totals)
    self.assertAllClose(
        compiled[0][1].values, plain[0][1].values, rtol=1e-5, atol=1e-4
    )
    self.assertAllClose(compiled[1][1], plain[1][1], rtol=1e-5, atol=1e-4)
    for allocation in compiled[0][0], compiled[2]:
      self.assert_allocation(
          allocation_lib.Allocation(*(x.numpy() for x in allocation)),
          *arrays,
          metric,
      )


if __name__ == '__main__':
  tf.test.main()
