# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""k-means++ against a model of it in NumPy, on every implementation."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import kmeans_plus_plus
from kmeans_estimator.ops import native
from kmeans_estimator.ops import seeding
from tests.helpers import implementations
from tests.helpers import seeding_model
from tests.helpers import sessions
from tests.helpers import testing

DTYPES = (np.float32, np.float64)


def _normal(n, d, seed=0, dtype=np.float32):
  return np.random.RandomState(seed).normal(size=[n, d]).astype(dtype)


def _run(build, points, *integers, key=None):
  """Runs a graph with points of an unknown number of rows, and int64 scalars.

  Args:
    build: builds the graph.
    points: its first input.
    *integers: its other inputs.
    key: equal for graphs that `build` builds alike.
  """
  return sessions.Function(
      key and ('kmeans_plus_plus_test', key),
      build,
      (points.dtype, [None, points.shape[1]]),
      *[(np.int64, [])] * len(integers),
  )(points, *integers)


@implementations.on_every_implementation
class ChooseRowsTest(tf.test.TestCase, parameterized.TestCase):

  def _rows(self, m, num_retries, cases):
    """Rows that are chosen for cases: points, seed, and maybe weights."""
    points, _, *weights = cases[0]
    function = sessions.Function(
        ('kmeans_plus_plus.choose_rows', m, num_retries),
        lambda points, seed, *weights: kmeans_plus_plus.choose_rows(
            points,
            m,
            kmeans_plus_plus.num_candidates(m, num_retries),
            seed,
            0,
            *weights,
        ),
        (points.dtype, [None, None]),
        (np.int64, []),
        *[(points.dtype, [None])] * len(weights),
    )
    self.assertEqual(function.outputs.dtype, tf.int64)
    return [function(*case).tolist() for case in cases]

  @parameterized.product(dtype=DTYPES, num_retries=(-1, 0, 2), m=(1, 7))
  def test_equals_model(self, dtype, num_retries, m):
    cases = [(_normal(200, 3, seed, dtype), seed) for seed in range(5)]
    self.assertEqual(
        self._rows(m, num_retries, cases),
        [
            seeding_model.kmeans_plus_plus(
                np.float64(points), m, seed, num_retries
            )
            for points, seed in cases
        ],
    )

  @parameterized.product(d=(1, 2, 3, 4, 5, 8, 9, 16, 19, 33), dtype=DTYPES)
  def test_equals_model_for_any_number_of_columns(self, d, dtype):
    cases = [(_normal(300, d, seed, dtype), seed) for seed in range(3)]
    self.assertEqual(
        self._rows(7, 2, cases),
        [
            seeding_model.kmeans_plus_plus(np.float64(points), 7, seed, 2)
            for points, seed in cases
        ],
    )

  # Beside such an outlier float32 rounds all differences between candidates
  # away, if there are several.
  @parameterized.product(
      outlier_and_retries=((0, 0), (0, 2), (1e8, 0)), dtype=DTYPES
  )
  def test_equals_model_far_from_the_origin(self, outlier_and_retries, dtype):
    outlier, num_retries = outlier_and_retries
    cases = []
    for seed in range(5):
      random = np.random.RandomState(seed)
      groups = random.randint(0, 4, [300, 8]) * 4
      points = 5e3 + groups + random.normal(0, 0.2, groups.shape)
      # Among the rows that are looked at to find where most rows are.
      points[0] += outlier
      cases.append((points.astype(dtype), seed))
    self.assertEqual(
        self._rows(7, num_retries, cases),
        [
            seeding_model.kmeans_plus_plus(
                np.float64(points), 7, seed, num_retries
            )
            for points, seed in cases
        ],
    )

  # So small that all squares of differences are 0, yet known from another.
  @parameterized.product(num_retries=(0, 2), m=(1, 2, 7, 12))
  def test_rows_on_chosen_ones_are_drawn_uniformly(self, num_retries, m):
    points = np.float32(1e-25) * np.arange(24, dtype=np.float32).reshape(12, 2)
    self.assertEqual(
        self._rows(m, num_retries, [(points, seed) for seed in range(10)]),
        [
            seeding_model.kmeans_plus_plus(points * 0.0, m, seed, num_retries)
            for seed in range(10)
        ],
    )

  def test_distinct_points_are_chosen_before_duplicates(self):
    points = np.float32(np.arange(5)[np.arange(40) % 5, np.newaxis])
    found = self._rows(12, 2, [(points, seed) for seed in range(10)])
    for seed, rows in enumerate(found):
      self.assertLen(set(points[rows[:5], 0]), 5)
      self.assertEqual(
          rows, seeding_model.kmeans_plus_plus(np.float64(points), 12, seed, 2)
      )

  @parameterized.parameters(1, 20)
  def test_ends_where_squares_overflow(self, rows):
    points = _normal(20, 2)
    points[:rows, 0] = 1e30
    for m in 1, 7, 20:
      self.assertLen(self._rows(m, 2, [(points, 1)])[0], m)

  def test_memory_does_not_grow_with_the_square_of_points(self):
    points = _normal(200_000, 1)
    self.assertEqual(
        self._rows(2, 0, [(points, 1)]),
        [seeding_model.kmeans_plus_plus(np.float64(points), 2, 1, 0)],
    )

  def test_all_rows_are_chosen_once(self):
    points = _normal(7, 2)
    [rows] = self._rows(7, 2, [(points, 4)])
    self.assertCountEqual(rows, range(7))

  @parameterized.parameters(0, 3)
  def test_number_of_rows_may_be_0(self, n):
    rows = _run(
        lambda points, m: kmeans_plus_plus.choose_rows(points, m, 3, 1),
        _normal(n, 2),
        0,
        key='unknown number',
    )
    self.assertEqual(rows.shape, (0,))

  def test_streams_draw_differently(self):
    points = _normal(60, 2)
    rows = [
        tuple(
            _run(
                lambda points, stream: kmeans_plus_plus.choose_rows(
                    points, 4, 3, 17, stream
                ),
                points,
                stream,
                key='streams',
            )
        )
        for stream in range(3)
    ]
    self.assertEqual(
        [list(each) for each in rows],
        [
            seeding_model.kmeans_plus_plus(np.float64(points), 4, 17, 2, stream)
            for stream in range(3)
        ],
    )
    self.assertLen(set(rows), 3)

  @parameterized.product(dtype=DTYPES, num_retries=(-1, 0))
  def test_equals_model_with_weights(self, dtype, num_retries):
    cases = []
    for seed in range(6):
      weights = np.random.RandomState(seed).randint(0, 5, 150) / 4
      cases.append((_normal(150, 3, seed, dtype), seed, weights.astype(dtype)))
    found = self._rows(7, num_retries, cases)
    for (points, seed, weights), rows in zip(cases, found):
      self.assertEqual(
          rows,
          seeding_model.kmeans_plus_plus(
              np.float64(points), 7, seed, num_retries, 0, np.float64(weights)
          ),
      )
      self.assertAllGreater(weights[rows], 0)

  @parameterized.product(dtype=DTYPES, num_retries=(-1, 0))
  def test_weights_of_1_change_no_row(self, dtype, num_retries):
    points = _normal(300, 2, dtype=dtype)
    weights = np.ones([300], dtype)
    self.assertEqual(
        self._rows(7, num_retries, [(points, s, weights) for s in range(10)]),
        self._rows(7, num_retries, [(points, s) for s in range(10)]),
    )

  def test_weights_of_0_are_not_drawn_where_masses_are_0(self):
    points = np.ones([14, 2], np.float32)
    weights = np.float32(np.arange(14) % 2)
    for rows in self._rows(7, -1, [(points, s, weights) for s in range(10)]):
      self.assertCountEqual(rows, [1, 3, 5, 7, 9, 11, 13])

  def test_heavy_chosen_rows_do_not_delay_draws_where_masses_are_0(self):
    points = np.ones([5, 2], np.float32)
    weights = np.float32([1, 1e-30, 0, 3e-30, 1e-20])
    cases = [(points, seed, weights) for seed in range(10)]
    for (_, seed, _), rows in zip(cases, self._rows(4, 2, cases)):
      self.assertEqual(rows[:2], [0, 4])
      self.assertCountEqual(rows, [0, 1, 3, 4])
      self.assertEqual(
          rows,
          seeding_model.kmeans_plus_plus(
              np.float64(points), 4, seed, 2, 0, np.float64(weights)
          ),
      )

  def test_rows_are_in_proportion_to_weight_and_square(self):
    points = np.float32([[0], [1], [3], [10]])
    weights = np.float32([4, 2, 0, 2])
    found = self._rows(2, 0, [(points, s, weights) for s in range(2000)])
    rows, counts = np.unique(found, axis=0, return_counts=True)
    # The first one by weight, the second by weight times squared distance.
    expected = {
        (0, 1): 0.5 * 2 / 202,
        (0, 3): 0.5 * 200 / 202,
        (1, 0): 0.25 * 4 / 166,
        (1, 3): 0.25 * 162 / 166,
        (3, 0): 0.25 * 400 / 562,
        (3, 1): 0.25 * 162 / 562,
    }
    self.assertContainsSubset(map(tuple, rows.tolist()), expected)
    for pair, count in zip(rows.tolist(), counts):
      share = expected[tuple(pair)]
      # Six standard deviations.
      self.assertLess(
          abs(count - 2000 * share), 6 * np.sqrt(2000 * share) + 1
      )


@implementations.native_and_portable
class InitializationTest(tf.test.TestCase, parameterized.TestCase):
  """The function of `clustering_ops`."""

  @parameterized.parameters(np.float32, np.float64)
  def test_gives_the_points_of_the_rows(self, dtype):
    points = _normal(50, 3, dtype=dtype)
    found = _run(
        lambda points: seeding.kmeans_plus_plus_initialization(
            points, 6, 3, -1
        ),
        points,
    )
    self.assertEqual(found.dtype, dtype)
    self.assertAllEqual(
        found,
        points[seeding_model.kmeans_plus_plus(np.float64(points), 6, 3, -1)],
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
      results = [
          session.run(found, {m: 8, seed: -7, num_retries: retries})
          for retries in (-1, 0, 3)
      ]
    for retries, result in zip((-1, 0, 3), results):
      rows = seeding_model.kmeans_plus_plus(np.float64(points), 8, -7, retries)
      self.assertAllEqual(result, points[rows])

  @parameterized.parameters(2**40, 2**63, 2**64 - 1, -(2**63))
  def test_seed_may_have_64_bits_with_or_without_a_sign(self, seed):
    points = _normal(30, 2)
    self.assertAllEqual(
        _run(
            lambda points: seeding.kmeans_plus_plus_initialization(
                points, 3, seed, 2
            ),
            points,
        ),
        points[seeding_model.kmeans_plus_plus(np.float64(points), 3, seed, 2)],
    )

  @parameterized.parameters(np.nan, np.inf, -np.inf)
  def test_points_that_are_not_finite_are_refused(self, bad):
    points = _normal(20, 2)
    points[3, 1] = bad
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '3.*1'):
      _run(
          lambda points: seeding.kmeans_plus_plus_initialization(
              points, 5, 1, 2
          ),
          points,
          key='not finite',
      )

  @parameterized.parameters((0, '.*got.*0'), (6, '6.*5'))
  def test_wrong_number_of_centers_is_refused(self, m, message):
    points = _normal(5, 2)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      seeding.kmeans_plus_plus_initialization(tf.constant(points), m, 1, 2)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _run(
          lambda points, m: seeding.kmeans_plus_plus_initialization(
              points, m, 1, 2
          ),
          points,
          m,
          key='wrong number',
      )


class ImplementationsTest(tf.test.TestCase, parameterized.TestCase):

  # Sums that are rounded in another order lead to another row, seldom.
  _MAX_SHARE_ROUNDED_APART = 1 / 180

  @parameterized.product(dtype=DTYPES, weighted=(False, True))
  def test_implementations_pick_the_same_rows(self, dtype, weighted):
    if not native.is_available():
      # There is one implementation.
      return
    random = np.random.RandomState(1)
    runs, apart = 0, 0
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      points = tf.compat.v1.placeholder(dtype, [None, None])
      weights = tf.compat.v1.placeholder(dtype, [None])
      seed = tf.compat.v1.placeholder(tf.int64, [])
      arguments = points, 6, 3, seed, 0, weights if weighted else None
      own = kmeans_plus_plus.choose_rows(*arguments)
      with placement.portable_ops():
        portable = kmeans_plus_plus.choose_rows(*arguments)
      self.assertNotEqual(own.op.type, portable.op.type)
      self.addCleanup(native.use_instruction_set, None)
      for run in range(180):
        n, d = random.randint(40, 600), random.randint(1, 20)
        offset = [0, 3, 1e3][run % 3]
        feed = {
            points: random.normal(offset, 1, [n, d]),
            weights: random.randint(0, 4, n) / 2,
            seed: random.randint(-(2**40), 2**40),
        }
        expected = session.run(portable, feed)
        for name in implementations.INSTRUCTION_SETS:
          if native.use_instruction_set(name):
            runs += 1
            apart += not np.array_equal(session.run(own, feed), expected)
    self.assertLessEqual(apart, runs * self._MAX_SHARE_ROUNDED_APART)


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
  """XLA draws the same, and finds all shapes known."""

  def _assert_same(self, function, shape, autograph=False):
    plain, compiled = testing.plain_and_compiled(function, autograph)
    self.assertEqual(compiled.get_concrete_function().output_shapes, shape)
    self.assertAllEqual(compiled(), plain())

  @parameterized.parameters(tf.float32, tf.float64)
  def test_compiled_initialization_equals_the_uncompiled_one(self, dtype):
    points = tf.constant(_normal(850, 2), dtype)
    self._assert_same(
        lambda: seeding.kmeans_plus_plus_initialization(points, 6, 3, -1),
        [6, 2],
        autograph=True,
    )

  def test_compiled_choice_among_duplicates_equals_the_uncompiled_one(self):
    points = tf.cast(tf.range(12) % 2, tf.float32)[:, tf.newaxis]
    self._assert_same(
        lambda: seeding.kmeans_plus_plus_initialization(points, 8, 3, 2), [8, 1]
    )

  def test_compiled_weighted_choice_equals_the_uncompiled_one(self):
    points = tf.constant(_normal(200, 2))
    weights = tf.cast(tf.range(200) % 3, tf.float32)
    self._assert_same(
        lambda: kmeans_plus_plus.choose_rows(points, 6, 3, 3, 0, weights), [6]
    )


if __name__ == '__main__':
  tf.test.main()
