# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the choice of initial centers against a model of it in NumPy."""

import itertools
import math

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import philox
from kmeans_estimator.ops import seeding

NAMED = (
    seeding.RANDOM_INIT,
    seeding.KMEANS_PLUS_PLUS_INIT,
    seeding.KMC2_INIT,
)


class _Stream:
  """A seed's words, one after the other."""

  def __init__(self, seed, stream=0):
    self._words = iter(philox.words(100_000, seed, stream).numpy().tolist())

  def unit_float(self):
    return (next(self._words) % 2**23) * 2.0**-23

  def below(self, limit):
    low, high = next(self._words), next(self._words)
    return (high * 2**32 + low) % limit


def _half_squared_distances(points, row):
  return np.square(points - points[row]).sum(axis=1) / 2


def _kmeans_plus_plus(points, m, seed, num_retries, stream=0):
  """Rows of float64 points, with each sum as exact as float64 is."""
  words = _Stream(seed, stream)
  if num_retries < 0:
    num_retries = 2 + math.floor(math.log(m))
  chosen = []
  nearest = np.full(len(points), np.inf)

  def draw():
    total = nearest.sum()
    while True:
      if 0 < total < np.inf:
        level = words.unit_float() * total
        row = int((np.cumsum(nearest) <= level).sum())
      else:
        row = words.below(len(points))
      if row not in chosen:
        return row

  while len(chosen) < m:
    rows = [draw() for _ in range(1 + num_retries)]
    closer = [
        np.minimum(nearest, _half_squared_distances(points, row))
        for row in rows
    ]
    best = int(np.argmin([each.sum() for each in closer]))
    chosen.append(rows[best])
    nearest = closer[best]
  return chosen


def _chain_end(distances, words):
  state = 0
  for i in range(1, len(distances)):
    if distances[i] > words.unit_float() * distances[state]:
      state = i
  return state


def _kmc2(points, centers, missing, chain_length, seed):
  """Rows of float64 points; `centers` is a list of rows."""
  words = _Stream(seed, len(centers))
  first = words.below(len(points))
  length = min(chain_length, len(points))
  found = list(centers)
  for start in range(0, len(points) - length + 1, length)[:missing]:
    if not found:
      found.append(points[first])
      for _ in range(length - 1):
        words.unit_float()
      continue
    rows = points[start : start + length]
    distances = np.square(rows[:, np.newaxis] - found).sum(axis=2).min(axis=1)
    found.append(rows[_chain_end(distances, words)])
  return np.reshape(found[len(centers) :], [-1, points.shape[1]])


def _run(build, **values):
  """Runs a graph with inputs of unknown numbers of rows."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    inputs = {
        name: tf.compat.v1.placeholder(value.dtype, [None, value.shape[1]])
        for name, value in values.items()
    }
    return session.run(
        build(**inputs), {inputs[name]: values[name] for name in values}
    )


def _choose(method, points, centers=None, k=4, seed=1, shards=1):
  if centers is None:
    centers = points[:0]
  return _run(
      lambda points, centers: seeding.choose(
          method,
          # Shards of one and of all other points.
          [points] if shards == 1 else [points[:1], points[1:]],
          centers,
          k,
          seed=seed,
          num_retries=2,
          chain_length=5,
      ),
      points=points,
      centers=centers,
  )


def _normal(n, d, seed=0, dtype=np.float32):
  return np.random.RandomState(seed).normal(size=[n, d]).astype(dtype)


def _rows_of(found, points):
  """Which rows of `points` are `found`; each must be one, and another."""
  rows = [int(np.flatnonzero((points == row).all(axis=1))[0]) for row in found]
  assert len(set(rows)) == len(rows)
  return rows


class StreamSeedTest(tf.test.TestCase):

  def _seed(self, graph_seed, seed):
    with tf.Graph().as_default():
      tf.compat.v1.set_random_seed(graph_seed)
      return seeding.stream_seed(seed)

  def test_own_seed_is_taken_as_it_is(self):
    for seed in 0, 1, -5, 2**40, np.int64(3):
      self.assertEqual(self._seed(None, seed), seed)

  def test_graph_seed_alone_repeats(self):
    self.assertEqual(self._seed(1, None), self._seed(1, None))
    self.assertNotEqual(self._seed(1, None), self._seed(2, None))

  def test_both_seeds_matter(self):
    seeds = [
        self._seed(*pair) for pair in itertools.product([0, 1, 2], [0, 1, None])
    ]
    self.assertLen(set(seeds), len(seeds))
    self.assertEqual(self._seed(1, 2), self._seed(1, 2))
    self.assertEqual(self._seed(1, 2), self._seed(1, np.int64(2)))

  def test_without_seeds_none_repeats(self):
    self.assertNotEqual(self._seed(None, None), self._seed(None, None))


class KMeansPlusPlusTest(tf.test.TestCase, parameterized.TestCase):

  def _rows(self, points, m, seed, num_retries):
    found = _run(
        lambda points: seeding.kmeans_plus_plus_initialization(
            points, m, seed, num_retries
        ),
        points=points,
    )
    self.assertEqual(found.dtype, points.dtype)
    return _rows_of(found, points)

  @parameterized.product(
      dtype=(np.float32, np.float64), num_retries=(-1, 0, 2), m=(1, 7)
  )
  def test_equals_model(self, dtype, num_retries, m):
    for seed in range(5):
      points = _normal(200, 3, seed, dtype)
      self.assertEqual(
          self._rows(points, m, seed, num_retries),
          _kmeans_plus_plus(np.float64(points), m, seed, num_retries),
      )

  # Beside such an outlier float32 rounds all differences between candidates
  # away, if there are several.
  @parameterized.product(
      outlier_and_retries=((0, 0), (0, 2), (1e8, 0)),
      dtype=(np.float32, np.float64),
  )
  def test_far_from_the_origin(self, outlier_and_retries, dtype):
    outlier, num_retries = outlier_and_retries
    for seed in range(5):
      random = np.random.RandomState(seed)
      groups = random.randint(0, 4, [300, 8]) * 4
      points = 5e3 + groups + random.normal(0, 0.2, groups.shape)
      # Among the rows that are looked at to find the others' place.
      points[0] += outlier
      points = points.astype(dtype)
      self.assertEqual(
          self._rows(points, 6, seed, num_retries),
          _kmeans_plus_plus(np.float64(points), 6, seed, num_retries),
      )

  # So small that all squares of differences are 0, yet known from another.
  @parameterized.product(num_retries=(0, 2), m=(1, 2, 9, 12))
  def test_rows_on_chosen_ones_are_drawn_uniformly(self, num_retries, m):
    points = np.float32(1e-25) * np.arange(24, dtype=np.float32).reshape(12, 2)
    for seed in range(10):
      self.assertEqual(
          self._rows(points, m, seed, num_retries),
          _kmeans_plus_plus(points * 0.0, m, seed, num_retries),
      )

  def test_fewer_distinct_points_than_centers(self):
    points = np.float32(np.arange(5)[np.arange(40) % 5, np.newaxis])
    for seed in range(10):
      found = _run(
          lambda points, seed=seed: seeding.kmeans_plus_plus_initialization(
              points, 12, seed, 2
          ),
          points=points,
      )
      self.assertLen(set(found[:5, 0]), 5)
      self.assertAllEqual(
          found, points[_kmeans_plus_plus(np.float64(points), 12, seed, 2)]
      )

  @parameterized.parameters(np.nan, np.inf, -np.inf)
  def test_points_that_are_not_finite(self, bad):
    points = _normal(20, 2)
    points[3, 1] = bad
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '3.*1'):
      self._rows(points, 5, 1, 2)

  @parameterized.parameters(1, 20)
  def test_ends_where_squares_overflow(self, rows):
    points = _normal(20, 2)
    points[:rows, 0] = 1e30
    for m in 1, 5, 20:
      found = _run(
          lambda points, m=m: seeding.kmeans_plus_plus_initialization(
              points, m, 1, 2
          ),
          points=points,
      )
      self.assertEqual(found.shape, (m, 2))

  def test_memory_does_not_grow_with_the_square_of_points(self):
    points = _normal(200_000, 1)
    self.assertEqual(
        self._rows(points, 2, 1, 0),
        _kmeans_plus_plus(np.float64(points), 2, 1, 0),
    )

  def test_arguments_may_be_tensors(self):
    points = _normal(30, 2)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      m, seed, num_retries = (
          tf.compat.v1.placeholder(tf.int64, []) for _ in range(3)
      )
      found = seeding.kmeans_plus_plus_initialization(
          tf.constant(points), m, seed, num_retries
      )
      rows = [
          _rows_of(
              session.run(found, {m: 8, seed: -7, num_retries: retries}),
              points,
          )
          for retries in (-1, 0, 3)
      ]
    self.assertEqual(
        rows,
        [
            _kmeans_plus_plus(np.float64(points), 8, -7, retries)
            for retries in (-1, 0, 3)
        ],
    )

  @parameterized.parameters((0, '.*got.*0'), (6, '6.*5'))
  def test_wrong_number_of_centers(self, m, message):
    points = _normal(5, 2)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      seeding.kmeans_plus_plus_initialization(tf.constant(points), m, 1, 2)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _run(
          lambda points: seeding.kmeans_plus_plus_initialization(
              points, tf.compat.v1.placeholder_with_default(m, []), 1, 2
          ),
          points=points,
      )


class KMC2Test(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      n=(4, 10, 37),
      selected=(0, 2),
      missing=(1, 3, 20),
      chain_length=(1, 5, 10),
  )
  def test_equals_model(self, n, selected, missing, chain_length):
    points, centers = _normal(n, 3), _normal(selected, 3, seed=9)
    for seed in range(3):
      found = _run(
          lambda points, centers, seed=seed: seeding.kmc2(
              points, centers, missing, chain_length, seed
          ),
          points=points,
          centers=centers,
      )
      expected = _kmc2(
          np.float64(points), list(centers), missing, chain_length, seed
      )
      self.assertAllClose(found, expected, rtol=1e-6)
      self.assertAllEqual(
          seeding.kmc2(
              tf.constant(points),
              tf.constant(centers),
              missing,
              chain_length,
              seed,
          ),
          found,
      )

  def test_far_from_the_origin(self):
    random = np.random.RandomState(0)
    groups = random.randint(0, 4, [300, 4]) * 4
    points = np.float32(5e3 + groups + random.normal(0, 0.2, groups.shape))
    found = _run(
        lambda points: seeding.kmc2(points, points[:0], 9, 30, 1), points=points
    )
    self.assertAllEqual(found, _kmc2(np.float64(points), [], 9, 30, 1))

  def test_chain_of_many_candidates(self):
    distances = np.random.RandomState(0).uniform(size=2000) ** 9
    self.assertEqual(
        seeding.kmc2_chain_initialization(distances, 5).numpy(),
        _chain_end(distances, _Stream(5)),
    )

  def test_integer_distances(self):
    self.assertEqual(
        seeding.kmc2_chain_initialization([1, 0, 3], 5).numpy(),
        _chain_end([1, 0, 3], _Stream(5)),
    )

  def test_no_candidates(self):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'at least 1'):
      seeding.kmc2_chain_initialization(tf.zeros([0]), 1)
    with self.assertRaisesRegex(ValueError, 'vector'):
      seeding.kmc2_chain_initialization(tf.zeros([3, 1]), 1)

  def test_no_points(self):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'at least 1'):
      _run(
          lambda points: seeding.kmc2(points, tf.zeros([0, 2]), 3, 5, 1),
          points=_normal(0, 2),
      )


class RandomRowsTest(tf.test.TestCase):

  def test_all_rows_if_there_are_not_more(self):
    points = _normal(5, 2)
    for num in 5, 6, 100:
      self.assertAllEqual(seeding.random_rows(points, num, 1), points)

  def test_rows_are_as_likely(self):
    points = tf.reshape(tf.range(6.0), [6, 1])
    draw = tf.function(lambda seed: seeding.random_rows(points, 2, seed))
    counts = np.zeros(6)
    pairs = set()
    for seed in tf.range(1200, dtype=tf.int64):
      rows = draw(seed).numpy()[:, 0].astype(int)
      counts[rows] += 1
      pairs.add(tuple(rows))
    self.assertLen(pairs, 15)
    self.assertAllInRange(counts, 340, 460)


class ChooseTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(method=NAMED)
  def test_seeds(self, method):
    points = _normal(60, 2)
    found = [_choose(method, points, seed=seed) for seed in (1, 1, 2, 3)]
    self.assertAllEqual(found[0], found[1])
    self.assertLen({tuple(each.ravel()) for each in found}, 3)
    self.assertNotAllEqual(
        _choose(method, points, seed=None), _choose(method, points, seed=None)
    )

  @parameterized.product(method=NAMED)
  def test_rows_are_distinct_and_of_the_batch(self, method):
    points = _normal(60, 2)
    for selected in 0, 3:
      centers = _normal(selected, 2, seed=5)
      found = _choose(method, points, centers, k=8)
      self.assertLen(_rows_of(found, points), 8 - selected)

  @parameterized.product(method=NAMED)
  def test_batches_do_not_share_draws(self, method):
    points = _normal(60, 2)
    # Whether there are one or three of them says nothing about where to go on.
    centers = np.zeros([3, 2], np.float32)
    rows = [
        tuple(_rows_of(_choose(method, points, centers[:s], s + 3), points))
        for s in range(1, 4)
    ]
    self.assertLen(set(rows), 3)

  @parameterized.product(method=NAMED)
  def test_nothing_is_missing(self, method):
    points = _normal(20, 2)
    self.assertEqual(_choose(method, points, points[:4]).shape, (0, 2))

  def test_kmeans_plus_plus_draws_by_the_bare_seed(self):
    points = _normal(60, 2)
    self.assertEqual(
        _rows_of(_choose('kmeans_plus_plus', points, seed=17), points),
        _kmeans_plus_plus(np.float64(points), 4, 17, 2),
    )

  def test_kmeans_plus_plus_takes_one_batch(self):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '4.*3'):
      _choose('kmeans_plus_plus', _normal(3, 2))

  @parameterized.parameters((1, 3), (4, 4))
  def test_random_takes_small_batches_whole(self, n, k):
    points = _normal(n, 2)
    self.assertAllEqual(_choose('random', points, k=k), points)

  def test_shards(self):
    points = _normal(9, 2)
    self.assertAllEqual(_choose('random', points, k=9, shards=2), points)
    self.assertAllEqual(_choose('kmc2', points, shards=2), points[:1])
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '4.*1'):
      _choose('kmeans_plus_plus', points, shards=2)

  @parameterized.product(method=(*NAMED, 'function'), bad=(np.nan, np.inf))
  def test_bad_points(self, method, bad):
    points = _normal(20, 3)
    points[7, 1] = bad
    function = {'function': lambda inputs, k: inputs[0][:k]}
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r'7.*1'):
      _choose(function.get(method, method), points)

  @parameterized.parameters(0, 1, 2)
  def test_function(self, rows):
    points = _normal(20, 3)
    seen = []

    def function(inputs, k):
      seen.append((len(inputs), k.dtype, k.shape.rank))
      return inputs[0][: tf.minimum(rows, k)]

    self.assertAllEqual(_choose(function, points, points[:2]), points[:rows])
    self.assertEqual(seen, [(1, tf.int32, 0)])

  def test_function_of_arrays(self):
    found = _choose(lambda *_: [[1, 2, 3]], _normal(20, 3))
    self.assertEqual(found.dtype, np.float32)
    self.assertAllEqual(found, [[1, 2, 3]])
    found = _choose(lambda *_: np.ones([2, 3]), _normal(20, 3))
    self.assertEqual(found.dtype, np.float32)

  @parameterized.named_parameters(
      ('width', lambda inputs, k: inputs[0][:, :2], ValueError, '3.*2'),
      (
          'width_of_unknown_shape',
          lambda inputs, k: inputs[0][:k, :2],
          tf.errors.InvalidArgumentError,
          '2.*3',
      ),
      ('rank', lambda inputs, k: inputs[0][0], ValueError, 'shape'),
      (
          'too_many',
          lambda inputs, k: inputs[0][: k + 3],
          tf.errors.InvalidArgumentError,
          '4.*7',
      ),
      (
          'nan_array',
          lambda inputs, k: np.full([1, 3], np.nan),
          ValueError,
          'initial_clusters must be finite',
      ),
      (
          'overflow',
          lambda inputs, k: np.full([1, 3], 1e300),
          ValueError,
          'finite numbers of float32',
      ),
      (
          'strings',
          lambda inputs, k: np.array([['1', '2', '3']]),
          TypeError,
          'numbers',
      ),
      (
          'not_a_number',
          lambda inputs, k: inputs[0][:k] / 0,
          tf.errors.InvalidArgumentError,
          'finite',
      ),
  )
  def test_wrong_function(self, function, error, message):
    with self.assertRaisesRegex(error, message):
      _choose(function, np.abs(_normal(20, 3)))

  @parameterized.parameters(np.float64, np.int32)
  def test_array(self, dtype):
    array = np.arange(12).reshape([4, 3]).astype(dtype)
    for given in array, tf.constant(array).numpy():
      found = _choose(given, _normal(20, 3))
      self.assertEqual(found.dtype, np.float32)
      self.assertAllEqual(found, array)

  def test_array_too_large_for_the_points(self):
    with self.assertRaisesRegex(ValueError, 'finite numbers of float32'):
      _choose(np.full([4, 3], 1e300), _normal(20, 3))

  def test_array_of_another_width(self):
    with self.assertRaisesRegex(ValueError, '3.*2'):
      _choose(np.ones([4, 2]), _normal(20, 3))


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
  """XLA draws the same, and finds all shapes known."""

  def _assert_same(self, function, shape):
    compiled = tf.function(function, jit_compile=True)
    self.assertEqual(compiled.get_concrete_function().output_shapes, shape)
    self.assertAllEqual(compiled(), tf.function(function)())

  @parameterized.parameters(tf.float32, tf.float64)
  def test_kmeans_plus_plus(self, dtype):
    points = tf.constant(_normal(850, 2), dtype)
    self._assert_same(
        lambda: seeding.kmeans_plus_plus_initialization(points, 6, 3, -1),
        [6, 2],
    )

  def test_fewer_distinct_points_than_centers(self):
    points = tf.cast(tf.range(12) % 2, tf.float32)[:, tf.newaxis]
    self._assert_same(
        lambda: seeding.kmeans_plus_plus_initialization(points, 8, 3, 2), [8, 1]
    )

  @parameterized.parameters(1, 100, 300)
  def test_chain(self, count):
    distances = tf.constant(np.square(_normal(count, 1)[:, 0]))
    self._assert_same(
        lambda: seeding.kmc2_chain_initialization(distances, 3), []
    )

  @parameterized.parameters(0, 2)
  def test_kmc2(self, selected):
    points = tf.constant(_normal(60, 2))
    centers = points[:selected]
    self._assert_same(lambda: seeding.kmc2(points, centers, 4, 10, 3), [4, 2])

  def test_random_rows(self):
    points = tf.constant(_normal(60, 2))
    self._assert_same(lambda: seeding.random_rows(points, 7, 3, 1), [7, 2])


if __name__ == '__main__':
  tf.test.main()
