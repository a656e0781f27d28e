# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Distances, allocation and sums against float64 NumPy, in every variant."""

import contextlib
import itertools
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import distances

EUCLIDEAN = distances.SQUARED_EUCLIDEAN_DISTANCE
COSINE = distances.COSINE_DISTANCE
METRICS = (EUCLIDEAN, COSINE)
DTYPES = (np.float32, np.float64)

# n, d, k: the smallest of each, and what needs several blocks, divides into
# them or not, and has a divisor of d or k that the choice of ops looks for.
SHAPES = (
    (0, 3, 2), (1, 1, 1), (1, 5, 3), (7, 1, 3), (7, 4, 1), (257, 31, 17),
    (640, 100, 131), (640, 37, 300), (10_000, 20, 20),
)  # pyformat: disable

# What the choice of ops depends on, so that small batches meet all of them.
_EVERYTHING_AT_ONCE = dict(_MAX_AT_ONCE=2**40, _MIN_LARGE_WORK=2**40)
_CPU_OPS = dict(_MAX_AT_ONCE=2**40, _MIN_LARGE_WORK=0)
_SMALL_BLOCKS = dict(
    _MAX_AT_ONCE=0, _BLOCK_ELEMENTS=0, _MIN_BLOCK_ROWS=64, _MIN_LARGE_WORK=0
)
_PORTABLE_BLOCKS = dict(_SMALL_BLOCKS, _MIN_LARGE_WORK=2**40)
VARIANTS = dict(
    everything_at_once=_EVERYTHING_AT_ONCE,
    cpu_ops=_CPU_OPS,
    small_blocks=_SMALL_BLOCKS,
    portable_blocks=_PORTABLE_BLOCKS,
)
STATIC, UNKNOWN_ROWS, UNKNOWN = 'static', 'unknown_rows', 'unknown'


def _data(n, d, k, metric=EUCLIDEAN, dtype=np.float32, seed=0, offset=0.0):
  rng = np.random.RandomState(seed)
  centers = offset + rng.normal(0, 4, [k, d])
  points = centers[rng.randint(k, size=n)] + rng.normal(0, 0.2, [n, d])
  points, centers = points.astype(dtype), centers.astype(dtype)
  if metric == COSINE:
    points, centers = _unit(points), _unit(centers)
  return points, centers


def _unit(x):
  norm = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
  return np.where(norm, x / np.where(norm, norm, 1), 0).astype(x.dtype)


def _exact(points, centers, metric):
  """`[n, k]` in float64, by the definition."""
  points, centers = (x.astype(np.float64) for x in (points, centers))
  result = np.empty([len(points), len(centers)])
  for j, center in enumerate(centers):
    result[:, j] = np.square(points - center).sum(axis=1)
    if metric == COSINE:
      # As 1 - u.v, but without rounding what is nearly alike to 0.
      is_one_zero = ~(points.any(axis=1) & center.any())
      result[:, j] = np.where(is_one_zero, 1, result[:, j] / 2)
  return result


def _patched(knobs):
  if not knobs:
    return contextlib.nullcontext()
  return mock.patch.multiple(distances, **knobs)


def _run(function, *arrays, shapes=STATIC, knobs=None):
  """Runs function in a graph of its own, with arrays of more or less shape."""
  points, centers = arrays
  points_shape, centers_shape = {
      STATIC: (points.shape, centers.shape),
      UNKNOWN_ROWS: ((None, points.shape[1]), centers.shape),
      UNKNOWN: ((None, None), (None, None)),
  }[shapes]
  with tf.Graph().as_default(), _patched(knobs):
    inputs = (
        tf.compat.v1.placeholder(points.dtype, points_shape),
        tf.compat.v1.placeholder(centers.dtype, centers_shape),
    )
    outputs = function(*inputs)
    with tf.compat.v1.Session() as session:
      return session.run(outputs, dict(zip(inputs, arrays)))


def _op_types(function, n, d, k, dtype=tf.float32):
  """The types of all ops that function makes, in bodies of loops too."""
  with tf.Graph().as_default() as graph:
    inputs = (
        tf.compat.v1.placeholder(dtype, [n, d]),
        tf.compat.v1.placeholder(dtype, [k, d]),
    )
    function(*inputs)
  proto = graph.as_graph_def()
  nodes = list(proto.node)
  for body in proto.library.function:
    nodes.extend(body.node_def)
  return {node.op for node in nodes}


def _allocate(metric=EUCLIDEAN):
  return lambda points, centers: distances.allocate(points, centers, metric)


def _nearest(metric=EUCLIDEAN):
  return lambda points, centers: distances.nearest(points, centers, metric)


def _pairwise(metric=EUCLIDEAN):
  return lambda points, centers: distances.pairwise(points, centers, metric)


class DistancesTest(tf.test.TestCase, parameterized.TestCase):

  def _assert_allocation(self, allocation, points, centers, metric):
    exact = _exact(points, centers, metric)
    self.assertEqual(allocation.index.dtype, np.int64)
    self.assertEqual(allocation.distance.dtype, points.dtype)
    self.assertEqual(allocation.index.shape, (len(points),))
    rows = np.arange(len(points))
    scale = 1e-5 if points.dtype == np.float32 else 1e-12
    scale *= exact.max(initial=1e-30)
    self.assertAllClose(
        allocation.distance, exact.min(axis=1), rtol=1e-4, atol=scale
    )
    # Another index than NumPy's only where rounding decides.
    self.assertAllClose(
        exact[rows, allocation.index], exact.min(axis=1), rtol=1e-4, atol=scale
    )

  def _assert_sums(self, index, sums, counts, points, k):
    self.assertEqual(sums.dtype, points.dtype)
    self.assertEqual(counts.dtype, np.int64)
    self.assertAllEqual(counts, np.bincount(index, minlength=k))
    exact = np.zeros([k, points.shape[1]])
    np.add.at(exact, index, points.astype(np.float64))
    rtol = 1e-5 if points.dtype == np.float32 else 1e-12
    scale = rtol * (np.abs(points).max(initial=1) * max(1, counts.max()))
    self.assertAllClose(sums, exact, rtol=rtol, atol=scale)

  @parameterized.parameters(
      *itertools.product(SHAPES, METRICS, DTYPES)
  )
  def test_pairwise(self, shape, metric, dtype):
    points, centers = _data(*shape, metric, dtype)
    result = _run(_pairwise(metric), points, centers)
    self.assertEqual(result.dtype, dtype)
    exact = _exact(points, centers, metric)
    self.assertEqual(result.shape, exact.shape)
    eps = 1e-6 if dtype == np.float32 else 1e-13
    self.assertAllClose(
        result, exact, rtol=100 * eps, atol=eps * exact.max(initial=1.0)
    )
    self.assertFalse((result < 0).any())

  @parameterized.parameters(
      *itertools.product(SHAPES, METRICS, DTYPES, VARIANTS)
  )
  def test_allocate(self, shape, metric, dtype, variant):
    points, centers = _data(*shape, metric, dtype)
    allocation, sums, counts = _run(
        _allocate(metric), points, centers, knobs=VARIANTS[variant]
    )
    self._assert_allocation(allocation, points, centers, metric)
    self._assert_sums(allocation.index, sums, counts, points, len(centers))

  @parameterized.parameters(
      *itertools.product(
          ((0, 3, 2), (7, 3, 9), (128, 33, 40), (257, 31, 17)),
          METRICS,
          (UNKNOWN_ROWS, UNKNOWN),
      )
  )
  def test_unknown_shapes(self, shape, metric, shapes):
    points, centers = _data(*shape, metric)
    allocation, sums, counts = _run(
        _allocate(metric), points, centers, shapes=shapes, knobs=_SMALL_BLOCKS
    )
    self._assert_allocation(allocation, points, centers, metric)
    self._assert_sums(allocation.index, sums, counts, points, len(centers))
    self.assertAllEqual(
        _run(_pairwise(metric), points, centers, shapes=shapes),
        _run(_pairwise(metric), points, centers),
    )

  @parameterized.parameters(
      *itertools.product(SHAPES[::3], METRICS, (STATIC, UNKNOWN_ROWS))
  )
  def test_nearest_is_what_allocate_says(self, shape, metric, shapes):
    points, centers = _data(*shape, metric)
    for variant in (_EVERYTHING_AT_ONCE, _PORTABLE_BLOCKS):
      nearest = _run(
          _nearest(metric), points, centers, shapes=shapes, knobs=variant
      )
      self._assert_allocation(nearest, points, centers, metric)
      (index, distance), _, _ = _run(
          _allocate(metric), points, centers, shapes=shapes, knobs=variant
      )
      self.assertAllEqual(nearest.index, index)
      self.assertAllEqual(nearest.distance, distance)

  def test_shapes_are_known(self):
    for shape in ((7, 3, 9), (640, 3, 9), (700, 20, 300)):
      n, d, k = shape
      with tf.Graph().as_default(), _patched(_SMALL_BLOCKS):
        points, centers = tf.zeros([n, d]), tf.zeros([k, d])
        (index, distance), sums, counts = _allocate()(points, centers)
        self.assertEqual(_pairwise()(points, centers).shape, (n, k))
        for tensor, expected in (
            (index, (n,)), (distance, (n,)), (sums, (k, d)), (counts, (k,))
        ):  # pyformat: disable
          self.assertEqual(tensor.shape, expected)
        unknown = tf.compat.v1.placeholder(tf.float32, [None, d])
        self.assertEqual(_pairwise()(unknown, centers).shape.as_list(),
                         [None, k])

  def test_other_number_of_columns_is_refused(self):
    with tf.Graph().as_default():
      for columns in (1, 2, 4):
        points, centers = tf.zeros([5, columns]), tf.zeros([2, 3])
        for function in (_pairwise(), _nearest(), _allocate()):
          with self.assertRaises(ValueError):
            function(points, centers)
    points, centers = np.zeros([500, 1], 'f'), np.zeros([2, 3], 'f')
    for function in (_pairwise(), _nearest(), _allocate()):
      for knobs in (_EVERYTHING_AT_ONCE, _SMALL_BLOCKS):
        with self.assertRaises(tf.errors.InvalidArgumentError):
          _run(function, points, centers, shapes=UNKNOWN, knobs=knobs)


class FarFromOriginTest(tf.test.TestCase, parameterized.TestCase):

  def _data(self, n=2000, d=5, k=6, emptied=()):
    rng = np.random.RandomState(3)
    grid = np.stack(np.meshgrid(*[[0, 4]] * 3), -1).reshape(-1, 3)[:k]
    centers = 5e3 + np.pad(grid, [(0, 0), (0, d - 3)])
    used = [j for j in range(k) if j not in emptied]
    points = centers[rng.choice(used, n)] + rng.normal(0, 0.2, [n, d])
    centers = centers.astype(np.float64)
    centers[list(emptied)] = 0
    return points.astype(np.float32), centers.astype(np.float32)

  @parameterized.parameters(
      *itertools.product(((), (0,), (2, 5), (0, 1, 2, 3)), VARIANTS)
  )
  def test_matches_float64(self, emptied, variant):
    points, centers = self._data(emptied=emptied)
    exact = _exact(points, centers, EUCLIDEAN)
    self.assertAllClose(
        _run(_pairwise(), points, centers), exact, rtol=1e-3, atol=1e-5
    )
    (index, distance), sums, counts = _run(
        _allocate(), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllEqual(index, exact.argmin(axis=1))
    self.assertAllClose(distance, exact.min(axis=1), rtol=1e-3, atol=1e-5)
    means = sums.astype(np.float64) / np.maximum(counts, 1)[:, np.newaxis]
    for j in np.unique(index):
      mean = points[index == j].astype(np.float64).mean(axis=0)
      self.assertAllClose(means[j], mean, rtol=0, atol=1e-3)

  def test_one_of_two_centers_emptied(self):
    points, centers = self._data(k=2, emptied=(0,))
    exact = _exact(points, centers, EUCLIDEAN)
    result = _run(_pairwise(), points, centers)
    self.assertAllClose(result, exact, rtol=1e-3, atol=1e-5)

  @parameterized.parameters(*VARIANTS)
  def test_long_sums_keep_differences(self, variant):
    # Added up as they are, these would be rounded to multiples of 4.
    n = 20_000
    points = np.full([n, 2], 5000.25, np.float32)
    points[::2] = 5000.75
    centers = np.array([[5000, 5000], [0, 0]], np.float32)
    _, sums, counts = _run(
        _allocate(), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllEqual(counts, [n, 0])
    self.assertAllClose(sums[0] / np.float32(n), [5000.5] * 2, rtol=1e-7)
    self.assertAllEqual(sums[1], [0, 0])

  def test_one_far_center_spoils_nothing(self):
    points, centers = self._data(k=5)
    centers = np.concatenate([centers, np.full([1, 5], 1e6, np.float32)])
    exact = _exact(points, centers, EUCLIDEAN)
    result = _run(_pairwise(), points, centers)
    self.assertAllClose(result, exact, rtol=1e-3, atol=1e-5)

  @parameterized.named_parameters(
      ('none', 0.0, None, False),
      ('little', 3.0, None, False),
      ('far', 5e3, None, True),
      ('far_and_most_emptied', 5e3, [0, 1, 2, 3, 4, 5], True),
      ('far_and_some_farther', 5e3, [0, 1, 2], True),
      ('one_far', 0.0, [0], False),
  )
  def test_pass_over_the_points_where_it_pays(self, offset, others, is_far):
    _, centers = _data(0, 8, 9, offset=offset)
    if others:
      centers[others] = 0 if len(others) > 3 else 1e6
    centers = tf.constant(centers)
    self.assertEqual(
        bool(distances._is_far(distances._origin(centers), centers)), is_far
    )

  @parameterized.parameters(*VARIANTS)
  def test_nearly_parallel_vectors(self, variant):
    # 1 - u.v of these is less than float32 tells from 0.
    points, centers = (_unit(x) for x in self._data())
    exact = _exact(points, centers, COSINE)
    self.assertLess(exact.max(), 1e-6)
    result = _run(_pairwise(COSINE), points, centers)
    self.assertAllClose(result, exact, rtol=1e-2, atol=2e-12)
    (_, distance), _, _ = _run(
        _allocate(COSINE), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllClose(distance, exact.min(axis=1), rtol=1e-2, atol=2e-12)


class OddInputTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      *itertools.product((3, 40, 300), METRICS, VARIANTS)
  )
  def test_earliest_on_a_tie(self, k, metric, variant):
    # Small integers, so that ties are exact.
    rng = np.random.RandomState(k)
    centers = rng.randint(-1, 2, [k, 2]).astype(np.float32)
    points = rng.randint(-1, 2, [200, 2]).astype(np.float32)
    if metric == COSINE:
      points[:] = [[1, 0]]
      centers = np.where(
          rng.uniform(size=[k, 1]) < 0.5, [[0, 1]], [[0, -1]]
      ).astype(np.float32)
    exact = _exact(points, centers, metric)
    (index, _), _, _ = _run(
        _allocate(metric), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllEqual(index, exact.argmin(axis=1))

  @parameterized.parameters(
      *itertools.product(DTYPES, (4, 40, 300), VARIANTS)
  )
  def test_bad_rows_are_told_and_stay_alone(self, dtype, k, variant):
    points, centers = _data(300, 8, k, dtype=dtype)
    clean = _run(_pairwise(), points, centers)
    rows = [0, 17, 299]
    points[rows, [0, 3, 7]] = np.nan, np.inf, -np.inf
    result = _run(_pairwise(), points, centers)
    others = np.setdiff1d(np.arange(300), rows)
    self.assertFalse(np.isfinite(result[rows]).any())
    self.assertAllEqual(result[others], clean[others])
    (index, distance), sums, counts = _run(
        _allocate(), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllEqual(np.flatnonzero(~np.isfinite(distance)), rows)
    self.assertFalse(np.isfinite(distance.sum()))
    self.assertFalse(np.isfinite(sums.sum()))
    self.assertAllInRange(index, 0, k - 1)
    self.assertEqual(counts.sum(), 300)

  @parameterized.parameters(*VARIANTS)
  def test_normalized_bad_rows_are_told(self, variant):
    points, centers = _data(100, 8, 4)
    points[[3, 40], 1] = np.nan, np.inf
    (_, distance), _, _ = _run(
        lambda x, c: distances.allocate(
            distances.l2_normalize(x), distances.l2_normalize(c), COSINE
        ),
        points,
        centers,
        knobs=VARIANTS[variant],
    )
    self.assertAllEqual(np.flatnonzero(~np.isfinite(distance)), [3, 40])

  @parameterized.parameters(*VARIANTS)
  def test_zero_vectors_are_at_cosine_distance_1(self, variant):
    points, centers = _data(80, 3, 4, COSINE)
    points[:20] = 0
    centers[2] = 0
    result = _run(_pairwise(COSINE), points, centers)
    self.assertAllEqual(result[:20], np.ones([20, 4]))
    self.assertAllClose(result[:, 2], np.ones([80]))
    (index, distance), _, _ = _run(
        _allocate(COSINE), points, centers, knobs=VARIANTS[variant]
    )
    self.assertAllEqual(index[:20], np.zeros([20]))
    self.assertAllEqual(distance[:20], np.ones([20]))

  @parameterized.parameters(*VARIANTS)
  def test_all_centers_at_0(self, variant):
    points, _ = _data(80, 3, 4)
    (index, distance), sums, counts = _run(
        _allocate(), points, np.zeros([4, 3], np.float32),
        knobs=VARIANTS[variant],
    )  # pyformat: disable
    self.assertAllEqual(index, np.zeros([80]))
    self.assertAllClose(distance, np.square(points).sum(axis=1))
    self.assertAllClose(sums[0], points.sum(axis=0), rtol=1e-5)
    self.assertAllEqual(counts, [80, 0, 0, 0])


class L2NormalizeTest(tf.test.TestCase):

  def test_rows(self):
    tiny, huge = 1e-37, 1e38
    x = np.array(
        [[3, 4], [0, 0], [tiny, tiny], [-huge, huge], [0, -7]], np.float32
    )
    half = np.sqrt(0.5)
    self.assertAllClose(
        self.evaluate(distances.l2_normalize(tf.constant(x))),
        [[0.6, 0.8], [0, 0], [half, half], [-half, half], [0, -1]],
    )

  def test_bad_rows_stay_bad(self):
    x = tf.constant([[1, np.nan], [np.inf, 1], [-np.inf, np.inf], [0, 1]])
    result = self.evaluate(distances.l2_normalize(x))
    self.assertAllEqual(
        np.isnan(result).any(axis=1), [True, True, True, False]
    )


class ChoiceOfOpsTest(tf.test.TestCase, parameterized.TestCase):

  # TensorFlow 2.13 does not show the first one.
  _ONLY_ON_CPU = frozenset(
      {'NearestNeighbors'} & set(dir(tf.raw_ops)) | {'SparseTensorDenseMatMul'}
  )
  _LARGE = (4096, 64, 64)

  def test_search_kernel_in_large_steps_on_a_cpu(self):
    for n in self._LARGE[0], None:
      self.assertContainsSubset(
          self._ONLY_ON_CPU | {'Switch'},
          _op_types(_allocate(), n, *self._LARGE[1:]),
      )

  def test_loop_only_where_memory_asks_for_it(self):
    for n, looped in ((4096, False), (None, True), (10**6, True)):
      types = _op_types(_allocate(), n, 16, 8)
      self.assertEqual(bool(types & {'While', 'StatelessWhile'}), looped, n)

  def test_no_kernel_of_the_cpu_where_it_does_not_serve(self):
    def on_gpu(points, centers):
      with tf.device('/GPU:0'):
        return _allocate()(points, centers)

    def in_xla_scope(points, centers):
      with tf.xla.experimental.jit_scope():
        return _allocate()(points, centers)

    def in_function(points, centers):
      return tf.function(_allocate())(points, centers)

    for function in (
        _nearest(), _pairwise(), on_gpu, in_xla_scope, in_function
    ):  # pyformat: disable
      types = _op_types(function, *self._LARGE)
      self.assertIn('MatMul', types)
      self.assertEmpty(types & (self._ONLY_ON_CPU | {'Switch'}))
    self.assertNotIn(
        'NearestNeighbors', _op_types(_allocate(COSINE), *self._LARGE)
    )
    self.assertNotIn(
        'NearestNeighbors',
        _op_types(_allocate(), *self._LARGE, dtype=tf.float64),
    )

  def test_no_kernel_of_the_cpu_beside_a_gpu(self):
    with mock.patch.object(
        tf.config, 'list_physical_devices', lambda kind: [kind]
    ):
      types = _op_types(_allocate(), *self._LARGE)
    self.assertEmpty(types & self._ONLY_ON_CPU)

  @parameterized.parameters(
      *itertools.product(
          ((7, 3, 9), (640, 24, 40), (700, 20, 300)),
          METRICS,
          (_EVERYTHING_AT_ONCE, _SMALL_BLOCKS),
      )
  )
  def test_compiled_by_xla(self, shape, metric, knobs):
    points, centers = (tf.constant(x) for x in _data(*shape, metric))
    with _patched(knobs):
      plain, compiled = (
          tf.function(_allocate(metric), jit_compile=jit)(points, centers)
          for jit in (False, True)
      )
      all_distances = tf.function(_pairwise(metric), jit_compile=True)(
          points, centers
      )
    self.assertAllEqual(compiled[0].index, plain[0].index)
    self.assertAllEqual(compiled[2], plain[2])
    self.assertAllClose(compiled[1], plain[1], rtol=1e-5, atol=1e-4)
    exact = _exact(points.numpy(), centers.numpy(), metric)
    atol = 1e-6 * exact.max()
    self.assertAllClose(all_distances, exact, rtol=1e-4, atol=atol)
    self.assertAllClose(
        compiled[0].distance, exact.min(axis=1), rtol=1e-4, atol=atol
    )

  @parameterized.parameters(
      *itertools.product(((10_000, 32, 50), (6_000, 33, 200)), METRICS)
  )
  def test_reruns_are_bit_identical(self, shape, metric):
    points, centers = _data(*shape, metric)
    points_shape, centers_shape = points.shape, centers.shape
    for knobs in ({}, _SMALL_BLOCKS, _PORTABLE_BLOCKS):
      with tf.Graph().as_default(), _patched(knobs):
        inputs = (
            tf.compat.v1.placeholder(tf.float32, points_shape),
            tf.compat.v1.placeholder(tf.float32, centers_shape),
        )
        outputs = _allocate(metric)(*inputs)
        with tf.compat.v1.Session() as session:
          runs = [
              session.run(outputs, dict(zip(inputs, (points, centers))))
              for _ in range(6)
          ]
      for run in runs[1:]:
        for a, b in zip(tf.nest.flatten(runs[0]), tf.nest.flatten(run)):
          self.assertAllEqual(a, b)


if __name__ == '__main__':
  tf.test.main()
