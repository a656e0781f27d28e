# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""k-MC2 against a model of it in NumPy, on every implementation."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import kmc2
from kmeans_estimator.ops import native
from kmeans_estimator.ops import seeding
from tests.helpers import implementations
from tests.helpers import seeding_model
from tests.helpers import sessions
from tests.helpers import testing

DTYPES = (np.float32, np.float64)


def _normal(n, d, seed=0, dtype=np.float32):
  return np.random.RandomState(seed).normal(size=[n, d]).astype(dtype)


def _chooser(dtype=np.float32, d=3, weighted=False, length=10):
  """Returns `choose_rows` as a function of arrays of any number of rows.

  Its arguments are points, centers, missing, seed, and the weights if any.
  """
  return sessions.Function(
      ('kmc2.choose_rows', length),
      lambda points, centers, missing, *rest: kmc2.choose_rows(
          points, centers, missing, length, *rest
      ),
      (dtype, [None, d]),
      (dtype, [None, d]),
      (np.int32, []),
      (np.int64, []),
      *[(dtype, [None])] * weighted,
  )


@implementations.on_every_implementation
class ChooseRowsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(chain_length=(1, 5, 10), dtype=DTYPES)
  def test_equals_model(self, chain_length, dtype):
    choose = _chooser(dtype, length=chain_length)
    for n in 0, 1, 4, 10, 37:
      for selected in 0, 2:
        points = _normal(n, 3, n, dtype)
        centers = _normal(selected, 3, 9, dtype)
        for missing in 0, 1, 3, 20:
          for seed in range(3):
            rows = choose(points, centers, missing, seed)
            self.assertEqual(rows.dtype, np.int64)
            self.assertEqual(
                rows.tolist(),
                seeding_model.kmc2(
                    np.float64(points),
                    np.float64(centers),
                    missing,
                    chain_length,
                    seed,
                ),
                (n, selected, missing, seed),
            )

  @parameterized.parameters(0, 2)
  def test_equals_model_with_static_shapes(self, selected):
    points, centers = _normal(37, 3), _normal(selected, 3, seed=9)
    self.assertEqual(
        self.evaluate(
            kmc2.choose_rows(
                tf.constant(points), tf.constant(centers), 3, 10, 5
            )
        ).tolist(),
        seeding_model.kmc2(np.float64(points), np.float64(centers), 3, 10, 5),
    )

  def test_equals_model_far_from_the_origin(self):
    random = np.random.RandomState(0)
    groups = random.randint(0, 4, [300, 4]) * 4
    points = np.float32(5e3 + groups + random.normal(0, 0.2, groups.shape))
    self.assertEqual(
        _chooser(d=4, length=30)(points, points[:0], 9, 1).tolist(),
        seeding_model.kmc2(np.float64(points), points[:0], 9, 30, 1),
    )

  def test_points_without_rows_give_no_rows(self):
    centers = _normal(2, 3)
    for selected in 0, 2:
      rows = _chooser()(centers[:0], centers[:selected], 3, 1)
      self.assertEqual(rows.shape, (0,))
      rows = kmc2.choose_rows(
          tf.zeros([0, 3]), tf.constant(centers[:selected]), 3, 10, 1
      )
      self.assertEqual(rows.shape, (0,))

  @parameterized.product(dtype=DTYPES, selected=(0, 2))
  def test_equals_model_with_weights(self, dtype, selected):
    choose = _chooser(dtype, weighted=True)
    points, centers = _normal(47, 3, 1, dtype), _normal(selected, 3, 2, dtype)
    for seed in range(10):
      weights = np.random.RandomState(seed).randint(0, 4, 47) / 2
      rows = choose(points, centers, 9, seed, weights)
      self.assertEqual(
          rows.tolist(),
          seeding_model.kmc2(
              np.float64(points), np.float64(centers), 9, 10, seed, weights
          ),
      )
      self.assertAllGreater(weights[rows], 0)

  @parameterized.parameters(*DTYPES)
  def test_weights_of_1_change_no_row(self, dtype):
    points = _normal(60, 3, dtype=dtype)
    plain, weighted = _chooser(dtype), _chooser(dtype, weighted=True)
    for seed in range(10):
      self.assertAllEqual(
          weighted(points, points[:0], 6, seed, np.ones([60])),
          plain(points, points[:0], 6, seed),
      )

  def test_first_row_is_in_proportion_to_weight(self):
    choose = _chooser(d=1, weighted=True)
    points, weights = _normal(5, 1), np.float32([0, 1, 4, 0, 3])
    counts = np.zeros([5])
    for seed in range(1600):
      [row] = choose(points, points[:0], 1, seed, weights)
      counts[row] += 1
    self.assertAllEqual(counts[[0, 3]], [0, 0])
    # Six standard deviations.
    self.assertAllClose(counts[[1, 2, 4]], [200, 800, 600], rtol=0, atol=120)

  def test_later_rows_are_in_proportion_to_weight_and_square(self):
    choose = _chooser(d=1, weighted=True, length=200)
    center = np.float32([[0]])
    random = np.random.RandomState(0)
    counts = {1: 0, 2: 0}
    for seed in range(600):
      # The order is random, as chains expect.
      points = np.float32(random.randint(1, 3, [200, 1]))
      # Mass 3 of the nearer points, 4 of the farther.
      weights = np.where(points[:, 0] == 1, np.float32(3), np.float32(1))
      [row] = choose(points, center, 1, seed, weights)
      counts[int(points[row, 0])] += 1
    self.assertAllClose(counts[2] / 600, 4 / 7, atol=0.12)


@implementations.on_every_implementation
class ChainTest(tf.test.TestCase, parameterized.TestCase):

  def _chain(self, dtype, shape):
    return sessions.Function(
        'kmc2_chain_initialization',
        seeding.kmc2_chain_initialization,
        (dtype, shape),
        (np.int64, []),
    )

  @parameterized.product(count=(1, 2, 256, 257, 2000), dtype=DTYPES)
  def test_equals_model(self, count, dtype):
    distances = np.random.RandomState(0).uniform(size=count) ** 9
    distances = distances.astype(dtype)
    for seed in 5, -6, 2**40:
      expected = seeding_model.chain_end(distances, seeding_model.Stream(seed))
      for shape in [count], [None]:
        end = self._chain(dtype, shape)(distances, seed)
        self.assertEqual(end, expected)
        self.assertEqual(end.dtype, np.int64)

  def test_equals_model_for_integer_distances(self):
    self.assertEqual(
        seeding.kmc2_chain_initialization([1, 0, 3], 5).numpy(),
        seeding_model.chain_end([1, 0, 3], seeding_model.Stream(5)),
    )

  def test_no_candidates_and_wrong_rank_are_refused(self):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'at least 1'):
      seeding.kmc2_chain_initialization(tf.zeros([0]), 1)
    with self.assertRaisesRegex(ValueError, 'vector'):
      seeding.kmc2_chain_initialization(tf.zeros([3, 1]), 1)


class ImplementationsTest(tf.test.TestCase, parameterized.TestCase):

  # Masses that are rounded differently lead to another row, seldom.
  _MAX_SHARE_ROUNDED_APART = 1 / 180

  @parameterized.product(dtype=DTYPES, weighted=(False, True))
  def test_implementations_pick_the_same_rows(self, dtype, weighted):
    if not native.is_available():
      # There is one implementation.
      return
    random = np.random.RandomState(1)
    runs, apart = 0, 0
    own = _chooser(dtype, weighted=weighted, length=20)
    with placement.portable_ops():
      portable = _chooser(dtype, weighted=weighted, length=20)
    self.addCleanup(native.use_instruction_set, None)
    for run in range(180):
      n = random.randint(10, 200)
      points = random.normal([0, 3, 1e3][run % 3], 1, [n, 3]).astype(dtype)
      centers = points[: run % 2]
      seed = random.randint(-(2**40), 2**40)
      weights = [random.randint(1, 4, n) / 2] if weighted else []
      expected = portable(points, centers, 5, seed, *weights)
      for name in implementations.INSTRUCTION_SETS:
        if native.use_instruction_set(name):
          runs += 1
          rows = own(points, centers, 5, seed, *weights)
          apart += not np.array_equal(rows, expected)
    self.assertLessEqual(apart, runs * self._MAX_SHARE_ROUNDED_APART)


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
  """XLA draws the same, and finds all shapes known."""

  def _assert_same(self, function, shape, autograph=False):
    plain, compiled = testing.plain_and_compiled(function, autograph)
    self.assertEqual(compiled.get_concrete_function().output_shapes, shape)
    self.assertAllEqual(compiled(), plain())

  @parameterized.parameters(1, 100, 300)
  def test_compiled_chain_equals_the_uncompiled_one(self, count):
    distances = tf.constant(np.square(_normal(count, 1)[:, 0]))
    self._assert_same(
        lambda: seeding.kmc2_chain_initialization(distances, 3),
        [],
        autograph=True,
    )

  @parameterized.product(selected=(0, 2), weighted=(False, True))
  def test_compiled_rows_equal_the_uncompiled_ones(self, selected, weighted):
    points = tf.constant(_normal(60, 2))
    weights = tf.ones([60]) * 0.5 if weighted else None
    self._assert_same(
        lambda: kmc2.choose_rows(
            points, points[:selected], 4, 10, 3, weights
        ),
        [4],
    )


if __name__ == '__main__':
  tf.test.main()
