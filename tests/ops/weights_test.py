# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of weights in the graphs: what they must mean, in every mode."""

from typing import NamedTuple
from unittest import mock

from absl.testing import parameterized
import numpy as np
from sklearn import cluster
from sklearn import datasets
import tensorflow as tf

from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import points as points_lib
from kmeans_estimator.ops import seeding
from kmeans_estimator.ops import state as state_lib
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import testing

N, D, K = 60, 3, 4
MODES = (None, 1, 2)
NAMED = parameters_lib.INITIALIZATIONS
INITS = (*NAMED, 'array')
# Every two of metric, mode and initialisation.
COMBINATIONS = [
    (numpy_model.METRICS[(i + j) % 2], m, init)
    for i, m in enumerate(MODES)
    for j, init in enumerate(INITS)
]
BATCHES = [testing.blobs(N, D, K, seed)[0] for seed in (1, 2, 3)]
CENTERS = testing.blobs(N, D, K, 1)[1]


class _Parts(NamedTuple):
  """The tensors, variables and ops of a training graph.

  Attributes:
    points: the batch.
    weights: the weights of the batch.
    seed: the seed of the initial centers, if there is one start.
    state: the variables.
    loss: the loss of the batch.
    step: the op that trains.
    init_op: the op that chooses initial centers.
  """

  points: tf.Tensor
  weights: tf.Tensor
  seed: tf.Tensor
  state: state_lib.State
  loss: tf.Tensor
  step: tf.Operation
  init_op: tf.Operation


class Graph:
  """A training graph of points, with weights or without, and its session."""

  def __init__(
      self,
      metric=numpy_model.SQUARED_EUCLIDEAN,
      m=None,
      init='array',
      weighted=True,
      k=K,
      d=D,
      dtype=np.float32,
      num_starts=1,
      seed=1,
  ):
    self._parameters = parameters_lib.Parameters(
        num_clusters=k,
        initial_clusters=CENTERS if isinstance(init, str) and init == 'array'
        else init,
        distance_metric=metric,
        seed=seed,
        use_mini_batch=m is not None,
        mini_batch_steps_per_iteration=m or 1,
        kmeans_plus_plus_num_retries=2,
        kmc2_chain_length=5,
        num_starts=num_starts,
    )

    self._weighted = weighted
    self._seed = seed
    key = None
    if isinstance(init, str):
      # The seeds of several starts are constants of the graph.
      constant_seed = None if num_starts == 1 else seed
      key = metric, m, init, weighted, k, d, dtype, num_starts, constant_seed
    self._session, self._parts = sessions.borrow(
        self, key, lambda: self._build(d, dtype)
    )
    self._variables = {
        field: variable
        for field, variable in self._parts.state._asdict().items()
        if variable is not None
    }

  def _build(self, d, dtype):
    points = tf.compat.v1.placeholder(dtype, [None, d])
    weights = tf.compat.v1.placeholder(dtype, [None])
    seed = tf.compat.v1.placeholder(tf.int64, [])
    graph = graph_lib.KMeansGraph(
        points, self._parameters, weights if self._weighted else None
    )
    with mock.patch.object(
        seeding,
        'stream_seed',
        lambda given: seed if self._parameters.num_starts == 1 else given,
    ):
      state, inference, init_op, step = graph.training()
    return _Parts(points, weights, seed, state, inference.loss, step, init_op)

  def _run(self, fetches, points, weights):
    feed = {self._parts.points: points, self._parts.seed: self._seed}
    if weights is not None:
      feed[self._parts.weights] = weights
    return self._session.run(fetches, feed)

  def initialize(self, points, weights=None):
    """Runs the init op once; returns the centers."""
    self._run(self._parts.init_op, points, weights)
    return self.values()['clusters']

  def step(self, points, weights=None):
    """Steps; returns the loss."""
    loss, _ = self._run([self._parts.loss, self._parts.step], points, weights)
    return loss

  def train(self, batches, weights):
    """Initialises and steps through batches; returns the losses."""
    batches = list(zip(batches, weights))
    while not self.values()['initialized']:
      self.initialize(*batches[0])
    return [self.step(*batch) for batch in batches]

  def values(self):
    return self._session.run(self._variables)


def _ones():
  return [np.ones(N, np.float32) for _ in BATCHES]


def _random_weights(low, high, integers=False):
  random = np.random.RandomState(7)
  draw = random.randint if integers else random.uniform
  return [draw(low, high, N).astype(np.float32) for _ in BATCHES]


@implementations.native_and_portable
class WeightsTest(tf.test.TestCase, parameterized.TestCase):

  def assert_close(self, one, other, **kwargs):
    self.assertCountEqual(one, other)
    for name in one:
      self.assertAllClose(one[name], other[name], msg=name, **kwargs)

  @parameterized.product(metric=numpy_model.METRICS, m=MODES, init=INITS)
  def test_weights_of_1_change_no_bit(self, metric, m, init):
    with_weights = Graph(metric, m, init)
    without = Graph(metric, m, init, weighted=False)
    self.assertAllEqual(
        with_weights.train(BATCHES, _ones()),
        without.train(BATCHES, [None] * len(BATCHES)),
    )
    ours, expected = with_weights.values(), without.values()
    self.assertCountEqual(ours, expected)
    for name in expected:
      self.assertAllEqual(ours[name], expected[name], name)
    if m:
      self.assertEqual(ours['counts'].dtype, np.float64)
      self.assertEqual(expected['counts'].dtype, np.int64)

  @parameterized.product(metric=numpy_model.METRICS, m=MODES)
  def test_integer_weights_are_repeated_points(self, metric, m):
    weights = _random_weights(0, 4, integers=True)
    repeated = [
        points.repeat(each.astype(int), axis=0)
        for points, each in zip(BATCHES, weights)
    ]
    with_weights, without = Graph(metric, m), Graph(metric, m, weighted=False)
    self.assertAllClose(
        with_weights.train(BATCHES, weights),
        without.train(repeated, [None] * len(repeated)),
    )
    self.assert_close(with_weights.values(), without.values())

  @parameterized.parameters(*COMBINATIONS)
  def test_weight_of_0_is_an_absent_point(self, metric, m, init):
    weights = _random_weights(-1, 2)
    weights = [np.maximum(each, 0) for each in weights]
    wild = [
        np.where(each[:, np.newaxis] > 0, points, 50 - points[::-1])
        for points, each in zip(BATCHES, weights)
    ]
    present = [
        points[each > 0] for points, each in zip(BATCHES, weights)
    ]
    of_present = [each[each > 0] for each in weights]
    with_absent, without = Graph(metric, m, init), Graph(metric, m, init)
    # The very points are drawn that would be drawn from a smaller batch.
    self.assertAllEqual(
        with_absent.initialize(wild[0], weights[0]),
        without.initialize(present[0], of_present[0]),
    )
    self.assertAllClose(
        with_absent.train(wild, weights), without.train(present, of_present)
    )
    self.assert_close(with_absent.values(), without.values())

  @parameterized.parameters(*COMBINATIONS)
  def test_factor_of_all_weights_changes_no_center(self, metric, m, init):
    weights = _random_weights(0.1, 2)
    factor = np.float32(1e-4)
    one, other = Graph(metric, m, init), Graph(metric, m, init)
    losses = one.train(BATCHES, weights)
    self.assertAllClose(
        np.multiply(factor, losses),
        other.train(BATCHES, [factor * each for each in weights]),
    )
    self.assertAllClose(one.values()['clusters'], other.values()['clusters'])

  def test_initial_center_counts_as_a_point_of_the_lightest_weight(self):
    graph = Graph(m=1, init=np.float32([[0, 0, 0], [9, 9, 9]]))
    graph.initialize(np.zeros([0, D]), [])
    self.assertAllEqual(graph.values()['counts'], [0, 0])
    graph.step(np.float32([[1, 1, 1], [2, 2, 2], [8, 8, 8]]), [4, 0.5, 0])
    self.assertAllClose(
        graph.values()['clusters'], [[1, 1, 1], [9, 9, 9]]
    )
    self.assertAllEqual(graph.values()['counts'], [5, 0.5])
    graph.step(np.float32([[8, 8, 8]]), [1.5])
    self.assertAllClose(graph.values()['clusters'][1], [8.25] * 3)
    self.assertAllEqual(graph.values()['counts'], [5, 2])

  @parameterized.parameters('digits', 'blobs')
  def test_full_batch_equals_scikit_learn(self, data):
    if data == 'digits':
      points, k = datasets.load_digits().data, 10
    else:
      points, k = datasets.make_blobs(
          500, 4, centers=20, cluster_std=2.0, random_state=1
      )[0], 20
    weights = np.random.RandomState(1).exponential(size=len(points))
    start = points[:k]
    graph = Graph(
        init=start, k=k, d=points.shape[1], dtype=np.float64
    )
    graph.train([points] * 10, [weights] * 10)
    expected = cluster.KMeans(
        k, init=start, n_init=1, max_iter=10, tol=0, algorithm='lloyd'
    ).fit(points, sample_weight=weights)
    self.assertEqual(expected.n_iter_, 10)
    self.assertAllClose(graph.values()['clusters'], expected.cluster_centers_)
    self.assertAllClose(graph.step(points, weights), expected.inertia_)

  @parameterized.product(m=MODES)
  def test_batch_without_rows_changes_nothing(self, m):
    graph = Graph(m=m)
    graph.train(BATCHES[:1], _ones()[:1])
    before = graph.values()
    self.assertEqual(graph.step(np.zeros([0, D]), []), 0)
    self.assert_close(graph.values(), before, rtol=0, atol=0)

  def test_shards_have_weights_of_their_own(self):
    parameters = parameters_lib.Parameters(
        K, 'random', numpy_model.SQUARED_EUCLIDEAN, 1, False, 1, 2
    )
    points, [weights] = BATCHES[0], _random_weights(0, 2)[:1]
    results = []
    for parts in ([N], [20, 1, N - 21]):
      with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        state, inference, init_op, step = graph_lib.KMeansGraph(
            tf.split(points, parts), parameters, tf.split(weights, parts)
        ).training()
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(init_op)
        loss, _ = session.run([inference.loss, step])
        results.append((loss, session.run(state.clusters)))
    self.assertAllClose(*results)


@implementations.native_and_portable
class WeighTest(tf.test.TestCase, parameterized.TestCase):

  def weigh(self, weights, distance, dtype=np.float64):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      return session.run(
          points_lib.weigh(
              tf.constant(weights, dtype), tf.constant(distance, dtype)
          )
      )

  @parameterized.product(dtype=(np.float32, np.float64))
  def test_weighs_distances(self, dtype):
    weighed = self.weigh([2, 0, 0.5], [3, 7, 4], dtype)
    self.assertAllEqual(weighed.distance, [6, 0, 2])
    self.assertEqual(weighed.total, 2.5)
    self.assertEqual(weighed.lightest, 0.5)
    self.assertDTypeEqual(weighed.distance, dtype)
    self.assertDTypeEqual(weighed.total, dtype)
    self.assertDTypeEqual(weighed.lightest, dtype)

  @parameterized.parameters(-1.0, np.nan)
  def test_wrong_weight_shows_in_the_sums(self, wrong):
    weighed = self.weigh([2, wrong], [3, 0])
    self.assertAllEqual(weighed.distance, [6, np.nan])
    self.assertTrue(np.isnan(weighed.total))

  @parameterized.parameters([[]], [[0, 0]])
  def test_total_and_lightest_are_0_without_a_weight_above_0(self, weights):
    weighed = self.weigh(weights, weights)
    self.assertEqual(weighed.total, 0)
    self.assertEqual(weighed.lightest, 0)


@implementations.native_and_portable
class WrongWeightsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(wrong=(-1.0, np.nan, np.inf), m=MODES)
  def test_step_names_rows_and_changes_nothing(self, wrong, m):
    graph = Graph(m=m)
    graph.train(BATCHES[:1], _ones()[:1])
    before = graph.values()
    [weights] = _ones()[:1]
    weights[[2, 9]] = wrong
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        rf'must be finite and not negative.*2.*9.*weights:.*{wrong:g}',
    ):
      graph.step(BATCHES[0], weights)
    for name, value in graph.values().items():
      self.assertAllEqual(value, before[name], name)

  def test_weights_that_are_all_0_are_refused(self):
    graph = Graph()
    graph.train(BATCHES[:1], _ones()[:1])
    before = graph.values()['clusters']
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, 'sum finite and above 0'
    ):
      graph.step(BATCHES[0], np.zeros(N))
    self.assertAllEqual(graph.values()['clusters'], before)

  @parameterized.product(init=NAMED, wrong=(-1.0, np.nan, np.inf, 0.0))
  def test_initialisation_names_the_row(self, init, wrong):
    graph = Graph(init=init)
    [weights] = _ones()[:1]
    weights[7:8] = wrong
    if not wrong:
      weights[:] = 0
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'must be finite and not negative.*' + ('7' if wrong else ''),
    ):
      graph.initialize(BATCHES[0], weights)
    self.assertEmpty(graph.values()['clusters'])

  def test_bad_coordinate_is_told_from_a_bad_weight(self):
    graph = Graph()
    graph.train(BATCHES[:1], _ones()[:1])
    points = BATCHES[0].copy()
    points[3, 1] = np.nan
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, r'holds NaN or Inf.*3.*columns:.*1'
    ):
      graph.step(points, _ones()[0])

  def test_too_few_points_of_weight_above_0_are_refused(self):
    graph = Graph(init='kmeans_plus_plus')
    weights = np.zeros(N)
    weights[: K - 1] = 1
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, 'Centers to choose.*4.*points.*3'
    ):
      graph.initialize(BATCHES[0], weights)

  @parameterized.parameters(1, N - 1, N + 1)
  def test_wrong_number_of_weights_is_refused(self, number):
    graph = Graph()
    graph.train(BATCHES[:1], _ones()[:1])
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        rf'one weight for each point. Weights:.*{number}.*points:.*60',
    ):
      graph.step(BATCHES[0], np.ones(number))

  @parameterized.parameters(
      ([4], tf.float32, ValueError, 'each of the 3 points, got shape .4'),
      ([3, 2], tf.float32, ValueError, 'got shape .3, 2'),
      ([], tf.float32, ValueError, 'got shape'),
      ([3], tf.string, TypeError, 'weights must hold numbers'),
  )
  def test_wrong_shape_or_dtype_is_refused(self, shape, dtype, error, message):
    parameters = parameters_lib.Parameters(
        K, 'random', numpy_model.COSINE, 1, False, 1, 2
    )
    with tf.Graph().as_default(), self.assertRaisesRegex(error, message):
      graph_lib.KMeansGraph(
          tf.zeros([3, 2]), parameters, tf.zeros(shape, dtype)
      )


class WeightedRandomRowsTest(tf.test.TestCase):

  def test_rows_are_drawn_in_proportion_to_weight(self):
    points = tf.reshape(tf.range(4.0), [4, 1])
    weights = tf.constant([1.0, 2.0, 0.5, 4.5])
    rows = testing.of_seeds(
        1600,
        lambda seed: seeding.random_rows(points, 1, seed, weights=weights),
    )
    counts = np.bincount(rows.astype(int).ravel(), minlength=4)
    self.assertAllClose(counts, 200 * weights, rtol=0, atol=60)

  def test_small_weights_do_not_vanish(self):
    points = tf.reshape(tf.range(100.0), [100, 1])
    weights = np.random.RandomState(1).uniform(0, 1, 100)
    self.assertAllEqual(
        seeding.random_rows(points, 7, 1, weights=weights),
        seeding.random_rows(points, 7, 1, weights=1e-300 * weights),
    )


if __name__ == '__main__':
  tf.test.main()
