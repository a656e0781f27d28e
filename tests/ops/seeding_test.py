# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the choice of initial centers from batches."""

import contextlib
import itertools
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import seeding
from tests.helpers import implementations
from tests.helpers import seeding_model
from tests.helpers import sessions
from tests.helpers import testing

NAMED = (
    seeding.RANDOM_INIT,
    seeding.KMEANS_PLUS_PLUS_INIT,
    seeding.KMC2_INIT,
)


def _choose(
    method, points, centers=None, k=4, seed=1, shards=1, own_graph=False
):
  """Runs `choose` on points and centers of unknown numbers of rows.

  Tests share the graphs of methods that have a name, and feed the seed, unless
  `own_graph` is true.
  """

  def build(points, centers, fed_seed=None):
    feeding = contextlib.nullcontext()
    if fed_seed is not None:
      feeding = mock.patch.object(seeding, 'stream_seed', lambda _: fed_seed)
    with feeding:
      return seeding.choose(
          method,
          # Shards of one and of all other points.
          [points] if shards == 1 else [points[:1], points[1:]],
          centers,
          k,
          seed=seed,
          num_retries=2,
          chain_length=5,
      )

  if centers is None:
    centers = points[:0]
  inputs = [(each.dtype, [None, each.shape[1]]) for each in (points, centers)]
  if own_graph or not isinstance(method, str):
    return sessions.Function(None, build, *inputs)(points, centers)
  return sessions.Function(
      ('seeding_test', method, k, shards), build, *inputs, (np.int64, [])
  )(points, centers, seed)


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

  def test_without_seeds_stream_seeds_differ(self):
    self.assertNotEqual(self._seed(None, None), self._seed(None, None))


class RandomRowsTest(tf.test.TestCase):

  def test_all_rows_are_taken_if_there_are_no_more(self):
    points = _normal(5, 2)
    for num in 5, 6, 100:
      self.assertAllEqual(seeding.random_rows(points, num, 1), points)

  def test_all_rows_are_equally_likely(self):
    points = tf.reshape(tf.range(6.0), [6, 1])
    rows = testing.of_seeds(
        1200, lambda seed: seeding.random_rows(points, 2, seed)
    )[:, :, 0].astype(int)
    self.assertLen(set(map(tuple, rows)), 15)
    self.assertAllInRange(np.bincount(rows.ravel(), minlength=6), 340, 460)

  def test_compiled_rows_equal_the_uncompiled_ones(self):
    points = tf.constant(_normal(60, 2))
    plain, compiled = (
        tf.function(
            lambda: seeding.random_rows(points, 7, 3, 1), jit_compile=jit
        )
        for jit in (False, True)
    )
    self.assertEqual(compiled.get_concrete_function().output_shapes, [7, 2])
    self.assertAllEqual(compiled(), plain())


@implementations.native_and_portable
class ChooseTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(method=NAMED)
  def test_seed_determines_the_rows(self, method):
    points = _normal(60, 2)
    found = [_choose(method, points, seed=seed) for seed in (1, 2, 3)]
    self.assertAllEqual(_choose(method, points, own_graph=True), found[0])
    self.assertLen({tuple(each.ravel()) for each in found}, 3)
    # Two draws of k-MC2 may be equal by chance.
    without = {
        tuple(_choose(method, points, seed=None, own_graph=True).ravel())
        for _ in range(4)
    }
    self.assertGreater(len(without), 1)

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
  def test_no_rows_are_chosen_if_no_centers_are_missing(self, method):
    points = _normal(20, 2)
    self.assertEqual(_choose(method, points, points[:4]).shape, (0, 2))

  def test_kmeans_plus_plus_draws_by_the_bare_seed(self):
    points = _normal(60, 2)
    self.assertEqual(
        _rows_of(
            _choose('kmeans_plus_plus', points, seed=17, own_graph=True), points
        ),
        seeding_model.kmeans_plus_plus(np.float64(points), 4, 17, 2),
    )

  def test_kmeans_plus_plus_refuses_fewer_points_than_centers(self):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '4.*3'):
      _choose('kmeans_plus_plus', _normal(3, 2))

  @parameterized.parameters((1, 3), (4, 4))
  def test_random_takes_small_batches_whole(self, n, k):
    points = _normal(n, 2)
    self.assertAllEqual(_choose('random', points, k=k), points)

  @parameterized.product(
      method=(*NAMED, 'function'), selected=(0, 3), rows=(None, 0)
  )
  def test_batch_without_rows_gives_no_centers(self, method, selected, rows):
    function = {'function': lambda inputs, k: tf.zeros([1, 2])}
    method = function.get(method, method)
    centers = _normal(selected, 2)
    if rows is None:
      found = _choose(method, centers[:0], centers)
    else:
      found = seeding.choose(
          method, [tf.zeros([0, 2])], tf.constant(centers), 4,
          seed=1, num_retries=2, chain_length=5,
      )  # pyformat: disable
    self.assertEqual(found.shape, (0, 2))

  def test_only_random_looks_beyond_a_first_shard_without_rows(self):
    points = _normal(9, 2)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      shards = [tf.compat.v1.placeholder(tf.float32, [None, 2])] * 2
      shards[1] = tf.constant(points)
      chosen = {
          method: seeding.choose(
              method, shards, points[:0], 4,
              seed=1, num_retries=2, chain_length=5,
          )  # pyformat: disable
          for method in NAMED
      }
      found = session.run(chosen, {shards[0]: points[:0]})
    self.assertLen(_rows_of(found['random'], points), 4)
    # These look at the first shard alone.
    for method in 'kmeans_plus_plus', 'kmc2':
      self.assertEqual(found[method].shape, (0, 2))

  def test_random_uses_all_shards_and_other_methods_the_first(self):
    points = _normal(9, 2)
    self.assertAllEqual(_choose('random', points, k=9, shards=2), points)
    self.assertAllEqual(_choose('kmc2', points, shards=2), points[:1])
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '4.*1'):
      _choose('kmeans_plus_plus', points, shards=2)

  @parameterized.product(method=(*NAMED, 'function'), bad=(np.nan, np.inf))
  def test_nan_and_inf_are_refused(self, method, bad):
    points = _normal(20, 2)
    points[7, 1] = bad
    function = {'function': lambda inputs, k: inputs[0][:k]}
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r'7.*1'):
      _choose(function.get(method, method), points)

  @parameterized.parameters(0, 1, 2)
  def test_function_gets_inputs_and_number_and_gives_centers(self, rows):
    points = _normal(20, 3)
    seen = []

    def function(inputs, k):
      seen.append((len(inputs), k.dtype, k.shape.rank))
      return inputs[0][: tf.minimum(rows, k)]

    self.assertAllEqual(_choose(function, points, points[:2]), points[:rows])
    self.assertEqual(seen, [(1, tf.int32, 0)])

  def test_function_may_return_lists_and_arrays(self):
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
  def test_wrong_centers_of_a_function_are_refused(
      self, function, error, message
  ):
    with self.assertRaisesRegex(error, message):
      _choose(function, np.abs(_normal(20, 3)))

  @parameterized.parameters(np.float64, np.int32)
  def test_array_is_used_in_the_dtype_of_the_points(self, dtype):
    array = np.arange(12).reshape([4, 3]).astype(dtype)
    for given in array, tf.constant(array).numpy():
      found = _choose(given, _normal(20, 3))
      self.assertEqual(found.dtype, np.float32)
      self.assertAllEqual(found, array)

  def test_array_of_numbers_beyond_float32_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'finite numbers of float32'):
      _choose(np.full([4, 3], 1e300), _normal(20, 3))

  def test_array_with_the_wrong_number_of_columns_is_refused(self):
    with self.assertRaisesRegex(ValueError, '3.*2'):
      _choose(np.ones([4, 2]), _normal(20, 3))


if __name__ == '__main__':
  tf.test.main()
