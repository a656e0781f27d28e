# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of several starts from one batch."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import starts
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing
from tests.ops import weights_test

# As in `weights_test`, to share its graphs.
N, D, K = 80, weights_test.D, weights_test.K
POINTS = testing.blobs(N, D, 20, 1)[0]
NUM_STARTS = 4
WEIGHTS = np.random.RandomState(1).randint(0, 4, N).astype(np.float32)


def _graph(init, metric, **kwargs):
  return weights_test.Graph(init=init, metric=metric, **kwargs)


def _refined(init, metric, seed):
  """Centers and loss of one start, by the graph that trains on full batches."""
  graph = _graph(init, metric, seed=seed)
  graph.initialize(POINTS, WEIGHTS)
  for _ in range(starts.NUM_STEPS):
    graph.step(POINTS, WEIGHTS)
  return graph.values()['clusters'], graph.step(POINTS, WEIGHTS)


class SeedsTest(tf.test.TestCase):

  def test_first_seed_is_the_given_one_and_all_differ(self):
    self.assertEqual(starts.seeds(3, 1), [3])
    self.assertLen(set(starts.seeds(3, 20)), 20)
    self.assertEqual(starts.seeds(3, 20)[0], 3)
    self.assertEqual(starts.seeds(3, 5), starts.seeds(3, 20)[:5])
    self.assertNotEqual(starts.seeds(3, 2)[1], starts.seeds(4, 2)[1])

  def test_seeds_fit_in_64_bits(self):
    for seed in -1, 2**63, 2**64 - 1:
      for each in starts.seeds(seed, 9):
        self.assertBetween(each, -(2**63), 2**63 - 1)


@implementations.native_and_portable
class StartsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      init=parameters_lib.INITIALIZATIONS, metric=numpy_model.METRICS
  )
  def test_best_start_is_kept(self, init, metric):
    graph = _graph(init, metric, num_starts=NUM_STARTS)
    centers = graph.initialize(POINTS, WEIGHTS)
    refined = [
        _refined(init, metric, seed) for seed in starts.seeds(1, NUM_STARTS)
    ]
    losses = [loss for _, loss in refined]
    self.assertGreater(max(losses), min(losses))
    self.assertAllClose(centers, refined[int(np.argmin(losses))][0])

  def test_starts_repeat_with_a_seed(self):
    one, same, other = (
        _graph(
            'random', numpy_model.COSINE, num_starts=NUM_STARTS, seed=seed
        ).initialize(POINTS, WEIGHTS)
        for seed in (1, 1, 2)
    )
    self.assertAllEqual(one, same)
    self.assertNotAllClose(one, other)

  @parameterized.parameters('random', 'kmc2')
  def test_batch_that_gives_some_centers_is_drawn_from_once(self, init):
    # Of k-MC2 a center for each 5 points.
    part = POINTS[: K - 1]
    several, one = (
        _graph(init, numpy_model.SQUARED_EUCLIDEAN, num_starts=number)
        for number in (NUM_STARTS, 1)
    )
    for batch in part, part[:0], POINTS:
      weights = np.ones(len(batch))
      self.assertAllEqual(
          several.initialize(batch, weights), one.initialize(batch, weights)
      )
    self.assertTrue(several.values()['initialized'])

  def test_no_weights_equal_weights_of_1(self):
    without, of_weight_1 = (
        _graph(
            'random',
            numpy_model.SQUARED_EUCLIDEAN,
            num_starts=NUM_STARTS,
            weighted=weighted,
        )
        for weighted in (False, True)
    )
    self.assertAllClose(
        without.initialize(POINTS), of_weight_1.initialize(POINTS, np.ones(N))
    )

  def test_nan_is_refused(self):
    points = POINTS.copy()
    points[4, 1] = np.nan
    graph = _graph(
        'random', numpy_model.SQUARED_EUCLIDEAN, num_starts=NUM_STARTS
    )
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'holds NaN'):
      graph.initialize(points, WEIGHTS)


class ParametersTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (0, 'random', ValueError, 'num_starts must be an integer >= 1, got 0'),
      (1.5, 'random', TypeError, 'num_starts must be an integer >= 1, got 1.5'),
      (2, POINTS[:K], ValueError, 'num_starts must be 1 if initial_cl'),
      (2, lambda x, k: x[0][:k], ValueError, 'num_starts must be 1 if'),
  )
  def test_wrong_numbers_of_starts_are_refused(
      self, number, init, error, message
  ):
    with self.assertRaisesRegex(error, message):
      parameters_lib.Parameters(
          K, init, numpy_model.COSINE, 1, True, 1, 2, num_starts=number
      )

  @parameterized.parameters(1, 3)
  def test_only_several_starts_build_a_condition(self, number):
    parameters = parameters_lib.Parameters(
        K, 'random', numpy_model.COSINE, 1, True, 1, 2, num_starts=number
    )
    with tf.Graph().as_default() as graph:
      graph_lib.KMeansGraph(tf.zeros([N, D]), parameters).training()
    types = {op.type for op in graph.get_operations()}
    self.assertEqual(bool(types & {'If', 'StatelessIf'}), number > 1)


if __name__ == '__main__':
  tf.test.main()
