# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that seeding draws equal TensorFlow's CPU kernels for the same seed."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import sessions
from tests.helpers import testing

_RUNS = 60
# Number of runs that may differ: sums in a different order round differently,
# which seldom leads to a different row.
_MAX_ROUNDED_APART = 1


def _points(random, kind, n, d):
  points = random.normal(size=[n, d])
  if kind == 'groups':
    points = points * 0.5 + random.uniform(-5, 5, [8, d])[np.arange(n) % 8]
  elif kind == 'uniform':
    points = random.uniform(size=[n, d])
  elif kind == 'grid':
    points = random.randint(0, 7, [n, d])
  return points.astype(np.float32)


class _KMeansPlusPlus:
  """A graph with the kernel and with our op, which tests share."""

  def __init__(self, m, num_retries):
    key = '_KMeansPlusPlus', m, num_retries
    self._session, self._parts = sessions.borrow(
        self, key, lambda: self._build(m, num_retries)
    )

  @staticmethod
  def _build(m, num_retries):
    points = tf.compat.v1.placeholder(tf.float32, [None, None])
    seed = tf.compat.v1.placeholder(tf.int64, [])
    rows = [
        op(points, m, seed, num_retries)
        for op in (
            testing.kernels.kmeans_plus_plus_initialization,
            clustering_ops.kmeans_plus_plus_initialization,
        )
    ]
    return points, seed, rows

  def draw(self, points, seed):
    """Returns the rows that the kernel chooses, and those of our op."""
    points_tensor, seed_tensor, rows = self._parts
    return self._session.run(rows, {points_tensor: points, seed_tensor: seed})


@implementations.on_every_implementation
class KMeansPlusPlusTest(tf.test.TestCase, parameterized.TestCase):

  def _apart(self, m, num_retries, cases):
    """Returns how many cases (points, seed) give different rows."""
    both = _KMeansPlusPlus(m, num_retries)
    rows = [both.draw(*case) for case in cases]
    for expected, actual in rows:
      self.assertEqual(expected.shape, actual.shape)
      self.assertEqual(expected.dtype, actual.dtype)
    return sum(not np.array_equal(*pair) for pair in rows)

  @parameterized.product(
      kind=('normal', 'groups', 'uniform'),
      m=(1, 7, 25),
      num_retries=(-1, 0, 2),
  )
  def test_random_points_give_the_draws_of_the_kernel(
      self, kind, m, num_retries
  ):
    random = np.random.RandomState(m + num_retries)
    cases = []
    for _ in range(_RUNS):
      # With fewer points, two candidates are often each other's nearest point.
      # That is a tie, which rounding decides.
      n = random.randint(10 * m, 10 * m + 300)
      points = _points(random, kind, n, random.randint(1, 12))
      cases.append((points, random.randint(-(2**40), 2**40)))
    self.assertLessEqual(self._apart(m, num_retries, cases), _MAX_ROUNDED_APART)

  @parameterized.parameters(-1, 0, 2)
  def test_ties_give_the_draws_of_the_kernel(self, num_retries):
    # On a grid all sums are exact, and no draw may differ.
    random = np.random.RandomState(0)
    cases = [(_points(random, 'grid', 90, 3), seed) for seed in range(_RUNS)]
    self.assertEqual(self._apart(7, num_retries, cases), 0)

  @parameterized.parameters(1, 2, 7, 8)
  def test_choosing_all_points_gives_the_draws_of_the_kernel(self, n):
    random = np.random.RandomState(n)
    cases = [
        (random.permutation(50)[:n, np.newaxis].astype(np.float32), seed)
        for seed in range(20)
    ]
    self.assertEqual(self._apart(n, 2, cases), 0)

  def test_several_blocks_give_the_draws_of_the_kernel(self):
    random = np.random.RandomState(1)
    cases = [
        (_points(random, 'groups', n, 3), seed)
        for seed, n in enumerate([799, 800, 801, 1600, 1601, 3210, 5000])
    ]
    self.assertLessEqual(self._apart(25, 2, cases), _MAX_ROUNDED_APART)


@implementations.on_every_implementation
class KMC2ChainTest(tf.test.TestCase, parameterized.TestCase):

  def test_random_distances_give_the_chain_end_of_the_kernel(self):
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      distances = tf.compat.v1.placeholder(tf.float32, [None])
      seed = tf.compat.v1.placeholder(tf.int64, [])
      expected = testing.kernels.kmc2_chain_initialization(distances, seed)
      actual = clustering_ops.kmc2_chain_initialization(distances, seed)
      for run in range(300):
        values = random.uniform(size=random.randint(1, 900)) ** (run % 20)
        if run % 3 == 0:
          values = np.floor(values * 4)
        feed = {distances: values, seed: random.randint(-(2**40), 2**40)}
        result = session.run([expected, actual], feed)
        self.assertEqual(*result, len(values))
        self.assertEqual(*(index.dtype for index in result))

  @parameterized.parameters(1, 2, 3, 200, 256, 257, 258, 513, 2000)
  def test_static_length_gives_the_chain_end_of_the_kernel(self, count):
    random = np.random.RandomState(count)
    for seed in range(5):
      distances = random.uniform(size=count).astype(np.float32) ** (4 * seed)
      self.assertAllEqual(
          clustering_ops.kmc2_chain_initialization(distances, seed),
          testing.kernels.kmc2_chain_initialization(distances, seed),
      )


if __name__ == '__main__':
  tf.test.main()
