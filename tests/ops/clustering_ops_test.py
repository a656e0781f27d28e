# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.clustering_ops."""

import contextlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import clustering_ops
from tests.helpers import sessions

_METRICS = ('squared_euclidean', 'cosine')
_INITS = ('random', 'kmeans_plus_plus', 'kmc2')
_POINTS = np.random.RandomState(0).normal(size=[40, 3]).astype(np.float32)


class _Model:
  """A training graph, its variables initialised in the default session."""

  def __init__(self, inputs=_POINTS, k=4, **kwargs):
    kwargs.setdefault('random_seed', 1)
    (
        self.all_scores,
        self.cluster_idx,
        self.scores,
        self.initialized,
        self.init_op,
        self.training_op,
    ) = clustering_ops.KMeans(inputs, k, **kwargs).training_graph()
    self.variables = {
        v.op.name: v for v in tf.compat.v1.global_variables()
    }
    session = tf.compat.v1.get_default_session()
    if session is not None:
      session.run(tf.compat.v1.global_variables_initializer())

  def run(self, *args, **kwargs):
    return tf.compat.v1.get_default_session().run(*args, **kwargs)

  def initialize(self, batches=10):
    for _ in range(batches):
      if self.run(self.initialized):
        return self
      self.run(self.init_op)
    return self

  def values(self):
    return self.run(self.variables)


@contextlib.contextmanager
def _session():
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    yield session


def _mode(metric=_METRICS[0], m=None, init=_INITS[0]):
  """Returns arguments of `_Model`; one batch gives all centers."""
  return dict(
      distance_metric=metric,
      use_mini_batch=m is not None,
      mini_batch_steps_per_iteration=m or 1,
      initial_clusters=init,
      kmc2_chain_length=10,
  )


@contextlib.contextmanager
def _shared_model(test, columns=3, **kwargs):
  """Enters the session of a model that tests with equal arguments share.

  Args:
    test: the test that uses the session.
    columns: the number of columns that the graph knows; None: it knows none.
    **kwargs: arguments of `_Model`.

  Yields:
    The model, and a placeholder for its batches, `_POINTS` by default.
  """

  def build():
    batch = tf.compat.v1.placeholder_with_default(_POINTS, [None, columns])
    return _Model(batch, **kwargs), batch

  key = 'clustering_ops_test', columns, *sorted(kwargs.items())
  session, parts = sessions.borrow(test, key, build)
  with session.graph.as_default(), session.as_default():
    yield parts


class TrainingGraphTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(metric=_METRICS, m=(None, 1, 3))
  def test_variables_have_documented_names_and_shapes(self, metric, m):
    with _shared_model(self, **_mode(metric, m)) as (model, _):
      model.initialize()
      expected = {'clusters': (np.float32, (4, 3)), 'initialized': (bool, ())}
      if m:
        expected['Variable'] = (np.int64, (4,))
      if m == 3:
        expected['clusters_updated'] = (np.float32, (4, 3))
        expected['update_in_steps'] = (np.int64, ())
      self.assertEqual(
          {n: (v.dtype, v.shape) for n, v in model.values().items()}, expected
      )

  def test_index_and_score_are_argmin_and_min_of_all_scores(self):
    with _shared_model(self, **_mode()) as (model, _):
      model.initialize()
      all_scores, index, scores = model.run(
          [model.all_scores[0], model.cluster_idx[0], model.scores[0]]
      )
      self.assertEqual(index.dtype, np.int64)
      self.assertAllEqual(index, np.argmin(all_scores, axis=1))
      self.assertAllClose(scores, np.min(all_scores, axis=1), atol=1e-5)

  @parameterized.parameters(
      ([], ValueError, 'at least one shard, got an empty list'),
      (
          [np.ones([3, 2], 'f4'), np.ones([3, 2])],
          TypeError,
          r"same dtype, got \['float32', 'float64'\]",
      ),
      (
          [np.ones([3, 2], 'f4'), np.ones([3, 4], 'f4')],
          ValueError,
          r'same number of columns, got \[2, 4\]',
      ),
  )
  def test_shards_that_make_no_batch_are_refused(self, inputs, error, message):
    with tf.Graph().as_default(), self.assertRaisesRegex(error, message):
      clustering_ops.KMeans(inputs, 2)

  @parameterized.product(metric=_METRICS, m=(None, 1, 3))
  def test_shards_train_like_one_batch(self, metric, m):
    kwargs = dict(
        initial_clusters=_POINTS[:4],
        distance_metric=metric,
        use_mini_batch=m is not None,
        mini_batch_steps_per_iteration=m or 1,
    )
    results = []
    for inputs in (_POINTS, [_POINTS[:7], _POINTS[7:20], _POINTS[20:]]):
      with _session():
        model = _Model(inputs, **kwargs).initialize()
        self.assertLen(model.scores, 1 if inputs is _POINTS else 3)
        for _ in range(4):
          model.run(model.training_op)
        results.append(
            (model.values(), np.concatenate(model.run(model.cluster_idx)))
        )
    self.assertAllClose(results[0], results[1], rtol=1e-5, atol=1e-6)

  @parameterized.product(metric=_METRICS, m=(None, 1, 3))
  def test_bad_batch_changes_nothing(self, metric, m):
    with _shared_model(self, **_mode(metric, m)) as (model, batch):
      model.initialize()
      model.run(model.training_op)
      before = model.values()
      for value in (np.nan, np.inf, -np.inf):
        bad = _POINTS.copy()
        bad[11, 2] = value
        with self.assertRaisesRegex(
            tf.errors.InvalidArgumentError,
            r'NaN or Inf.*five:\] \[\[11\]\] \[columns:\] \[\[2\]\]',
        ):
          model.run(model.training_op, {batch: bad})
        self.assertAllClose(model.values(), before, rtol=0, atol=0)
      model.run(model.training_op)

  @parameterized.parameters(*_INITS)
  def test_bad_batch_gives_no_centers(self, init):
    with _shared_model(self, **_mode(init=init)) as (model, batch):
      bad = _POINTS.copy()
      bad[11, 2] = np.nan
      before = model.values()
      with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'NaN'):
        model.run(model.init_op, {batch: bad})
      self.assertAllClose(model.values(), before, rtol=0, atol=0)
      model.initialize()
      self.assertTrue(np.isfinite(model.values()['clusters']).all())

  @parameterized.product(init=_INITS, m=(None, 1, 3))
  def test_init_op_changes_nothing_once_all_are_chosen(self, init, m):
    with _shared_model(self, **_mode(m=m, init=init)) as (model, _):
      model.initialize()
      for _ in range(2):
        model.run(model.training_op)
      before = model.values()
      model.run(model.init_op)
      self.assertAllClose(model.values(), before, rtol=0, atol=0)

  @parameterized.parameters(
      np.float64, np.int32, np.int64, np.uint8, np.bool_, np.float16
  )
  def test_float64_stays_float64_and_other_dtypes_become_float32(self, dtype):
    points = (_POINTS * 3).astype(dtype)
    with _session():
      model = _Model(
          tf.constant(points), initial_clusters=[[0, 0, 0], [1, 1, 1]]
      ).initialize()
      model.run(model.training_op)
      clusters = model.values()['clusters']
      expected = np.float64 if dtype == np.float64 else np.float32
      self.assertEqual(clusters.dtype, expected)
      self.assertTrue(np.isfinite(clusters).all())

  def test_unknown_shapes_give_the_same_model(self):
    with _session():
      batch = tf.compat.v1.placeholder_with_default(_POINTS, None)
      k = tf.compat.v1.placeholder_with_default(4, [])
      unknown = _Model(
          batch, k, initial_clusters='kmeans_plus_plus', use_mini_batch=True
      ).initialize()
      unknown.run(unknown.training_op)
      values = unknown.values()
    with _session():
      known = _Model(
          initial_clusters='kmeans_plus_plus', use_mini_batch=True
      ).initialize()
      known.run(known.training_op)
      self.assertAllClose(known.values(), values)

  def test_training_before_initialisation_fails(self):
    with _shared_model(self, **_mode()) as (model, _):
      with self.assertRaises(tf.errors.InvalidArgumentError):
        model.run(model.training_op)


class InitializationTest(tf.test.TestCase, parameterized.TestCase):

  def _centers(self, inputs=_POINTS, graph_seed=None, **kwargs):
    with _session():
      tf.compat.v1.set_random_seed(graph_seed)
      return _Model(inputs, **kwargs).initialize().values()['clusters']

  @parameterized.product(init=_INITS, graph_seed=(None, 7))
  def test_seed_determines_the_centers(self, init, graph_seed):
    def centers(seed):
      return self._centers(
          initial_clusters=init,
          random_seed=seed,
          graph_seed=graph_seed,
          kmc2_chain_length=5,
      )

    first = centers(1)
    self.assertAllEqual(centers(1), first)
    self.assertNotAllEqual(centers(2), first)

  @parameterized.parameters(*_INITS)
  def test_seed_of_the_graph_determines_the_centers(self, init):
    def centers(seed):
      return self._centers(
          initial_clusters=init,
          random_seed=None,
          graph_seed=seed,
          kmc2_chain_length=5,
      )

    first = centers(1)
    self.assertAllEqual(centers(1), first)
    self.assertNotAllEqual(centers(2), first)

  @parameterized.parameters(*_INITS)
  def test_runs_without_a_seed_differ(self, init):
    def centers():
      return self._centers(
          initial_clusters=init, random_seed=None, kmc2_chain_length=5
      )

    first = centers()
    self.assertFalse(all(np.array_equal(first, centers()) for _ in range(4)))

  @parameterized.product(init=_INITS, metric=_METRICS)
  def test_centers_are_points(self, init, metric):
    with _shared_model(self, **_mode(metric, init=init)) as (model, _):
      centers = model.initialize().values()['clusters']
    points = _POINTS
    if metric == 'cosine':
      points = points / np.linalg.norm(points, axis=1, keepdims=True)
    gaps = np.abs(centers[:, None] - points).max(axis=-1)
    self.assertAllLess(gaps.min(axis=1), 1e-6)
    self.assertLen(set(gaps.argmin(axis=1)), 4)

  def test_given_centers_are_used(self):
    given = _POINTS[5:9]
    self.assertAllEqual(self._centers(initial_clusters=given), given)
    self.assertAllEqual(
        self._centers(initial_clusters=given.tolist(), k=-1), given
    )
    self.assertAllClose(
        self._centers(initial_clusters=given * 3, distance_metric='cosine'),
        given / np.linalg.norm(given, axis=1, keepdims=True),
    )

  def test_given_graph_tensor_replaces_the_number_of_clusters(self):
    with _session():
      given = tf.compat.v1.placeholder_with_default(_POINTS[:4], [None, 3])
      model = _Model(initial_clusters=given, k=99).initialize()
      self.assertAllEqual(model.values()['clusters'], _POINTS[:4])

  def test_function_is_called_until_it_has_given_enough(self):
    asked = []

    def one_row(inputs, k):
      self.assertLen(inputs, 1)
      self.assertEqual(k.dtype, tf.int32)
      asked.append(k)
      return inputs[0][:1] + tf.cast(k, tf.float32)

    with _session():
      model = _Model(initial_clusters=one_row)
      for missing in (3, 2, 1):
        model.run(model.init_op)
        self.assertFalse(model.run(model.initialized))
        self.assertEqual(model.run(asked[0]), missing)
      model.run(model.init_op)
      self.assertTrue(model.run(model.initialized))
      self.assertAllClose(
          model.values()['clusters'],
          _POINTS[0] + np.array([[4], [3], [2], [1]], np.float32),
      )

  @parameterized.product(
      metric=_METRICS, m=(None, 1, 3), k=(4, 'tensor'), columns=(3, None)
  )
  def test_step_before_all_centers_are_chosen_fails_with_their_number(
      self, metric, m, k, columns
  ):
    if k == 4:
      with _shared_model(self, columns, **_mode(metric, m)) as (model, batch):
        self._assert_step_waits_for_centers(model, batch)
      return
    with _session():
      batch = tf.compat.v1.placeholder(tf.float32, [None, columns])
      model = _Model(batch, tf.constant(4) + 0, **_mode(metric, m))
      self._assert_step_waits_for_centers(model, batch)

  def _assert_step_waits_for_centers(self, model, batch):
    model.run(model.init_op, {batch: _POINTS[:3]})
    before = model.values()
    for fetch in (model.training_op, model.scores, model.all_scores):
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError,
          '3 of 4 centers are chosen; run init_op on more points',
      ):
        model.run(fetch, {batch: _POINTS})
    self.assertAllClose(model.values(), before)
    model.run(model.init_op, {batch: _POINTS[3:]})
    model.run(model.training_op, {batch: _POINTS})

  def test_number_of_clusters_may_be_an_int64_tensor(self):
    with _session():
      model = _Model(k=tf.constant(3, tf.int64)).initialize()
      self.assertLen(model.values()['clusters'], 3)

  @parameterized.parameters('random', 'given')
  def test_init_op_refuses_the_wrong_number_of_columns(self, init):
    if init == 'given':
      init = np.ones([6, 3])
    with _session() as session:
      points = tf.compat.v1.placeholder(tf.float32, [None, None])
      _, _, _, _, init_op, _ = clustering_ops.KMeans(
          points, 6, initial_clusters=init
      ).training_graph()
      session.run(tf.compat.v1.global_variables_initializer())
      if isinstance(init, str):
        session.run(init_op, {points: _POINTS[:4]})
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError,
          r'(?s)Columns of .*3.*columns of the batch:.*2',
      ):
        session.run(init_op, {points: _POINTS[:4, :2]})

  @parameterized.product(
      init=(*_INITS, 'function'), unknown=('rows', 'columns')
  )
  def test_batch_without_rows_gives_no_centers(self, init, unknown):
    def function(inputs, k):
      del inputs, k
      # It may give centers without a point, but is not to.
      return tf.ones([2, 3])

    mode = _mode(init=function if init == 'function' else init)
    columns = 3 if unknown == 'rows' else None
    with _shared_model(self, columns, **mode) as (model, batch):
      before = model.values()
      model.run(model.init_op, {batch: _POINTS[:0]})
      self.assertAllEqual(model.values()['clusters'].size, 0)
      self.assertFalse(model.run(model.initialized))
      self.assertEqual(model.values().keys(), before.keys())
      model.run(model.init_op, {batch: _POINTS})
      if init == 'function':
        self.assertAllEqual(model.values()['clusters'], np.ones([2, 3]))
        model.run(model.init_op, {batch: _POINTS[:0]})
        self.assertAllEqual(model.values()['clusters'], np.ones([2, 3]))
        model.run(model.init_op, {batch: _POINTS})
      self.assertTrue(model.run(model.initialized))
      self.assertLen(model.values()['clusters'], 4)

  @parameterized.parameters(*_INITS, lambda inputs, k: inputs[0][:k])
  def test_batch_known_to_have_no_rows_gives_no_centers(self, init):
    with _session():
      model = _Model(_POINTS[:0], initial_clusters=init)
      model.run(model.init_op)
      self.assertFalse(model.run(model.initialized))

  def test_given_centers_need_no_rows(self):
    with _session():
      model = _Model(_POINTS[:0], initial_clusters=_POINTS[:4]).initialize(1)
      self.assertAllEqual(model.values()['clusters'], _POINTS[:4])

  def test_function_may_give_no_centers(self):
    with _session():
      model = _Model(initial_clusters=lambda inputs, k: inputs[0][:0])
      model.initialize(batches=3)
      self.assertFalse(model.run(model.initialized))

  def test_function_that_gives_too_many_centers_is_refused(self):
    with _session():
      model = _Model(initial_clusters=lambda inputs, k: inputs[0][:9])
      with self.assertRaisesRegex(tf.errors.InvalidArgumentError, '4'):
        model.run(model.init_op)

  def test_function_that_gives_the_wrong_number_of_columns_is_refused(self):
    with _session(), self.assertRaisesRegex(ValueError, '2.*3|3.*2'):
      _Model(initial_clusters=lambda inputs, k: inputs[0][:2, :2])

  def test_small_batches_are_taken_whole(self):
    with _shared_model(self, **_mode()) as (model, batch):
      model.run(model.init_op, {batch: _POINTS[:3]})
      self.assertAllEqual(model.values()['clusters'], _POINTS[:3])
      self.assertFalse(model.run(model.initialized))
      model.run(model.init_op, {batch: _POINTS[10:30]})
      self.assertTrue(model.run(model.initialized))

  def test_kmeans_plus_plus_refuses_fewer_points_than_centers(self):
    with _session():
      model = _Model(_POINTS[:3], initial_clusters='kmeans_plus_plus')
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError, r'3.*4|4.*3'
      ):
        model.run(model.init_op)

  def test_kmc2_ends_when_a_batch_gives_all_missing_centers(self):
    with _shared_model(self, **_mode(init='kmc2')) as (model, _):
      model.run(model.init_op)
      self.assertTrue(model.run(model.initialized))
      model.run(model.init_op)

  def test_kmc2_takes_one_center_of_a_small_batch(self):
    with _session():
      model = _Model(initial_clusters='kmc2', kmc2_chain_length=100)
      for chosen in range(1, 5):
        model.run(model.init_op)
        self.assertLen(model.values()['clusters'], chosen)


class NearestNeighborsTest(tf.test.TestCase):

  def test_nearest_comes_first_and_on_a_tie_the_lower_index(self):
    index, distance = clustering_ops.nearest_neighbors(
        [[0.0], [4.0]], [[3.0], [5.0], [-1.0]], 2
    )
    self.assertAllEqual(index, [[2, 0], [0, 1]])
    self.assertAllClose(distance, [[1, 9], [1, 1]])

  def test_k_above_the_number_of_centers_returns_all_centers(self):
    index, distance = clustering_ops.nearest_neighbors(
        _POINTS, _POINTS[:2], 5
    )
    self.assertEqual(index.shape, [40, 2])
    self.assertEqual(distance.shape, [40, 2])


if __name__ == '__main__':
  tf.test.main()
