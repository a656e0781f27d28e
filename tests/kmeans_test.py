# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.kmeans: the Estimator as users call it."""

import functools
import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_METRICS = ('squared_euclidean', 'cosine')


def _kmeans(num_clusters=3, **kwargs):
  kwargs.setdefault('config', testing.run_config())
  return kmeans_estimator.KMeans(num_clusters, **kwargs)


def _forever(points=_POINTS, labels=None):
  def input_fn():
    value = points if labels is None else (points, labels)
    return tf.data.Dataset.from_tensors(value).repeat()

  return input_fn


@functools.lru_cache(maxsize=None)
def _trained():
  """Returns a model of one step, which tests share and must not train."""
  return _kmeans().train(_forever(), steps=1)


@functools.lru_cache(maxsize=None)
def _of_matrix():
  """Returns the centers and the score of two steps on the matrix of points."""
  kmeans = _kmeans(initial_clusters=_CENTERS, use_mini_batch=False)
  kmeans.train(_forever(), steps=2)
  return kmeans.cluster_centers(), kmeans.score(_once())


def _once(points=_POINTS):
  return lambda: tf.data.Dataset.from_tensors(points)


class _CentersHook(tf.compat.v1.train.SessionRunHook):
  """Keeps the centers at the end of training."""

  def begin(self):
    self._clusters, = tf.compat.v1.global_variables('clusters')

  def end(self, session):
    self.centers = session.run(self._clusters)


class ConstructorTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (dict(num_clusters=0), ValueError, 'num_clusters'),
      (dict(num_clusters='5'), TypeError, 'num_clusters'),
      (dict(initial_clusters='first'), ValueError, 'initial_clusters'),
      (dict(initial_clusters=[[np.nan]]), ValueError, 'initial_clusters'),
      (dict(distance_metric='l1'), ValueError, 'distance_metric'),
      (dict(seed=0.5), TypeError, 'seed'),
      (
          dict(mini_batch_steps_per_iteration=0),
          ValueError,
          'mini_batch_steps_per_iteration',
      ),
      (
          dict(kmeans_plus_plus_num_retries=1.5),
          TypeError,
          'kmeans_plus_plus_num_retries',
      ),
      (dict(relative_tolerance=-1), ValueError, 'relative_tolerance'),
      (dict(config={}), ValueError, 'config must be .*RunConfig'),
  )
  def test_error_names_the_argument(self, kwargs, error, message):
    with self.assertRaisesRegex(error, message):
      _kmeans(**kwargs)

  def test_graph_tensor_of_unknown_value_is_refused(self):
    with tf.Graph().as_default():
      unknown = tf.compat.v1.placeholder(tf.float32, [3, 2])
      with self.assertRaisesRegex(ValueError, 'initial_clusters .*graph'):
        _kmeans(initial_clusters=unknown)
      self.assertIsNotNone(_kmeans(initial_clusters=tf.constant(_CENTERS)))

  def test_kmeans_is_kmeans_clustering(self):
    self.assertIs(
        kmeans_estimator.KMeans, kmeans_estimator.KMeansClustering
    )


class TrainingTest(tf.test.TestCase, parameterized.TestCase):

  def test_use_of_an_untrained_model_is_refused(self):
    kmeans = _kmeans()
    for use in (
        kmeans.score,
        kmeans.evaluate,
        lambda input_fn: next(kmeans.predict(input_fn)),
        lambda input_fn: next(kmeans.transform(input_fn)),
        lambda input_fn: next(kmeans.predict_cluster_index(input_fn)),
    ):
      with self.assertRaisesRegex(ValueError, 'must be trained'):
        use(_once())
    with self.assertRaises(ValueError):
      kmeans.cluster_centers()

  def test_checkpoint_hook_of_the_user_finds_the_saver(self):
    kmeans = _kmeans(
        config=testing.run_config(
            save_checkpoints_steps=None, save_checkpoints_secs=None
        )
    )
    kmeans.train(
        _forever(),
        steps=5,
        hooks=[
            tf.compat.v1.train.CheckpointSaverHook(
                kmeans.model_dir, save_steps=2
            )
        ],
    )
    # Of step 5 as training ends.
    self.assertEqual(
        [
            os.path.basename(path)
            for path in tf.train.get_checkpoint_state(
                kmeans.model_dir
            ).all_model_checkpoint_paths
        ],
        ['model.ckpt-2', 'model.ckpt-4', 'model.ckpt-5'],
    )

  def test_input_that_ends_during_initialisation_leaves_no_model(self):
    kmeans = _kmeans(100)
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, 'when 60 of 100 initial centers'
    ):
      kmeans.train(_once())
    # There is no checkpoint of what is no model yet.
    for use in (kmeans.score, lambda f: next(kmeans.predict(f))):
      with self.assertRaisesRegex(ValueError, 'must be trained'):
        use(_once())
    with self.assertRaisesRegex(ValueError, 'find trained model'):
      kmeans.export_saved_model(self.get_temp_dir(), _receiver)

  def test_input_that_ends_after_initialisation_leaves_a_model(self):
    kmeans = _kmeans(seed=1)
    kmeans.train(_once())
    self.assertEqual(kmeans.get_variable_value('global_step'), 0)
    self.assertEqual(kmeans.cluster_centers().shape, (3, 2))
    self.assertGreater(kmeans.score(_once()), 0)
    kmeans.train(_once())
    self.assertEqual(kmeans.get_variable_value('global_step'), 1)

  def test_labels_are_ignored(self):
    centers, score = _of_matrix()
    labels = np.zeros([60], np.int64)
    kmeans = _kmeans(initial_clusters=_CENTERS, use_mini_batch=False)
    kmeans.train(_forever(labels=labels), steps=2)
    self.assertAllEqual(kmeans.cluster_centers(), centers)
    self.assertAllEqual(kmeans.score(_forever(labels=labels)), score)
    self.assertLen(
        list(
            kmeans.predict_cluster_index(
                lambda: tf.data.Dataset.from_tensors((_POINTS, labels))
            )
        ),
        60,
    )

  def test_dict_and_sparse_features_train_like_the_matrix(self):
    centers, score = _of_matrix()
    for features in (
        {'b': _POINTS[:, 1], 'a': _POINTS[:, :1]},
        tf.compat.v1.SparseTensorValue(
            np.argwhere(np.ones([60, 2])), _POINTS.ravel(), [60, 2]
        ),
    ):
      kmeans = _kmeans(initial_clusters=_CENTERS, use_mini_batch=False)
      kmeans.train(_forever(features), steps=2)
      self.assertAllClose(kmeans.cluster_centers(), centers)
      self.assertAllClose(kmeans.score(_once(features)), score)

  @parameterized.named_parameters(
      ('single', lambda column: column),
      ('list', lambda column: [column]),
      ('tuple', lambda column: (column,)),
      ('iterator', lambda column: iter([column])),
  )
  def test_feature_columns_may_be_one_column_or_any_iterable(self, given):
    column = tf.feature_column.numeric_column('x', shape=[2])
    features = {'x': _POINTS, 'unused': _POINTS}
    kmeans = _kmeans(initial_clusters=_CENTERS, feature_columns=given(column))
    kmeans.train(_forever(features), steps=1)
    self.assertEqual(kmeans.cluster_centers().shape, (3, 2))
    self.assertGreater(kmeans.score(_once(features)), 0)

  @parameterized.parameters(
      (np.float64, np.float64),
      (np.uint8, np.float32),
      (np.int64, np.float32),
      (np.float16, np.float32),
  )
  def test_float64_stays_float64_and_other_dtypes_become_float32(
      self, dtype, expected
  ):
    points = (_POINTS * 10 + 100).astype(dtype)
    kmeans = _kmeans(seed=1, initial_clusters='kmeans_plus_plus')
    kmeans.train(_forever(points), steps=2)
    self.assertEqual(kmeans.cluster_centers().dtype, expected)
    self.assertEqual(next(kmeans.transform(_once(points))).dtype, expected)
    self.assertTrue(np.isfinite(kmeans.score(_once(points))))

  def test_strings_are_refused(self):
    with self.assertRaisesRegex(TypeError, 'string'):
      _kmeans().train(_once(np.array([['a']])))

  def test_wrong_number_of_columns_is_refused(self):
    kmeans = _trained()
    wide = np.zeros([5, 4], np.float32)
    for use in (
        lambda f: kmeans.train(f, steps=1),
        kmeans.score,
        lambda f: next(kmeans.predict(f)),
    ):
      with self.assertRaisesRegex(ValueError, '4 columns.*trained on 2'):
        use(_forever(wide))
    with self.assertRaisesRegex(ValueError, '4.*2|2.*4'):
      _kmeans(initial_clusters=_CENTERS).train(_forever(wide), steps=1)

  def test_wrong_number_of_columns_known_only_at_run_time_is_refused(self):
    def input_fn():
      return tf.data.Dataset.from_generator(
          lambda: iter([np.zeros([5, 4], np.float32)]),
          output_signature=tf.TensorSpec([None, None], tf.float32),
      )

    kmeans = _trained()
    for use in (kmeans.train, kmeans.score):
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError,
          r'(?s)as many columns as the centers .*\[2\].*\[4\]',
      ):
        use(input_fn)
    for use in (
        kmeans.predict, kmeans.transform, kmeans.predict_cluster_index
    ):  # pyformat: disable
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError,
          'features have 4 columns, but the model was trained on 2',
      ):
        next(use(input_fn))

  @parameterized.named_parameters(
      ('nothing', lambda: None, 'None'),
      ('list', lambda: _POINTS.tolist(), 'list'),
      ('generator', lambda: (row for row in _POINTS), 'generator'),
      ('values', lambda: (tf.zeros([3, 2]), None, 0), '3 values: .*, None,'),
  )
  def test_wrong_result_of_input_fn_is_refused(self, input_fn, got):
    kmeans = _trained()
    for use in (
        lambda f: kmeans.train(f, steps=1),
        kmeans.score,
        lambda f: next(kmeans.predict(f)),
    ):
      with self.assertRaisesRegex(
          TypeError,
          rf'input_fn must return a tf.data.Dataset, features, or .* Got {got}',
      ):
        use(input_fn)

  def test_wrong_number_of_clusters_is_refused(self):
    other = _kmeans(4, model_dir=_trained().model_dir)
    with self.assertRaisesRegex(ValueError, 'num_clusters is 4.*has 3'):
      other.train(_forever(), steps=1)
    with self.assertRaisesRegex(ValueError, 'num_clusters is 4.*has 3'):
      other.score(_forever())

  @parameterized.product(m=(None, 1, 2))
  def test_bad_batch_stops_training_before_it_does_harm(self, m):
    bad = _POINTS.copy()
    bad[7, 1] = np.nan
    batches = [_POINTS, _POINTS, _POINTS, bad]
    kmeans = _kmeans(
        seed=1,
        use_mini_batch=m is not None,
        mini_batch_steps_per_iteration=m or 1,
        config=testing.run_config(save_checkpoints_steps=1),
    )
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'NaN or Inf.*\[\[7\]\] \[columns:\] \[\[1\]\]',
    ):
      kmeans.train(testing.input_fn(*batches))
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)
    self.assertTrue(np.isfinite(kmeans.cluster_centers()).all())
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'NaN or Inf'):
      kmeans.score(_once(bad))
    kmeans.train(_forever(), steps=1)
    self.assertEqual(kmeans.get_variable_value('global_step'), 3)
    self.assertTrue(np.isfinite(kmeans.score(_once())))

  def test_nan_in_prediction_stays_in_its_row(self):
    kmeans = _trained()
    bad = _POINTS.copy()
    bad[7, 1] = np.nan
    expected = list(kmeans.transform(_once()))
    distances = np.array(list(kmeans.transform(_once(bad))))
    self.assertTrue(np.isnan(distances[7]).all())
    self.assertAllClose(
        np.delete(distances, 7, 0), np.delete(expected, 7, 0), atol=1e-5
    )

  @parameterized.parameters('random', 'kmeans_plus_plus', 'kmc2')
  def test_equal_seeds_give_equal_centers_and_different_seeds_do_not(
      self, init
  ):
    def centers(seed=None, tf_random_seed=None):
      kmeans = _kmeans(
          seed=seed,
          initial_clusters=init,
          # Without checkpoints training takes half the time.
          config=testing.run_config(
              tf_random_seed=tf_random_seed,
              save_checkpoints_steps=None,
              save_checkpoints_secs=None,
          ),
      )
      hook = _CentersHook()
      kmeans.train(_forever(), max_steps=1, hooks=[hook])
      return hook.centers

    one = centers(1)
    self.assertAllEqual(one, centers(1))
    self.assertNotAllEqual(one, centers(2))
    seeded = centers(tf_random_seed=1)
    self.assertAllEqual(seeded, centers(tf_random_seed=1))
    self.assertNotAllEqual(seeded, centers(tf_random_seed=2))
    self.assertFalse(
        all(np.array_equal(centers(), centers()) for _ in range(4))
    )

  def test_relative_tolerance_stops_at_zero_loss(self):
    points = np.repeat(_CENTERS, 5, axis=0)
    kmeans = _kmeans(
        initial_clusters=_CENTERS,
        use_mini_batch=False,
        relative_tolerance=1e-3,
    )
    kmeans.train(_forever(points), max_steps=20)
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)

  def test_relative_tolerance_compares_iterations(self):
    kmeans = _kmeans(
        initial_clusters=np.float32([[0, 0], [10, 10]]),
        mini_batch_steps_per_iteration=3,
        relative_tolerance=1e-6,
    )
    kmeans.train(_forever(np.float32([[1, 1], [3, 3], [9, 9]])), max_steps=40)
    # The centers move after steps 3 and 6, and are the same after step 6.
    self.assertEqual(kmeans.get_variable_value('global_step'), 7)
    self.assertAllClose(kmeans.cluster_centers(), [[2, 2], [9, 9]])

  def test_relative_tolerance_ignores_batches_without_points(self):
    batch, empty = np.float32([[1, 1], [3, 3], [9, 9]]), np.zeros([0, 2], 'f4')
    kmeans = _kmeans(
        initial_clusters=np.float32([[0, 0], [10, 10]]),
        use_mini_batch=False,
        relative_tolerance=1e-6,
    )
    kmeans.train(testing.input_fn(batch, empty, empty, batch, batch, batch))
    self.assertEqual(kmeans.get_variable_value('global_step'), 5)

  def test_relative_tolerance_of_zero_stops_when_nothing_changes(self):
    kmeans = _kmeans(
        initial_clusters=np.float32([[0, 0], [10, 10]]),
        use_mini_batch=False,
        relative_tolerance=0,
    )
    kmeans.train(_forever(np.float32([[1, 1], [3, 3], [9, 9]])), max_steps=20)
    self.assertEqual(kmeans.get_variable_value('global_step'), 3)

  def test_evaluate_gives_the_mean_of_batches(self):
    kmeans = _trained()
    first, second = _POINTS[:40], _POINTS[40:]
    scores = [kmeans.score(_once(batch)) for batch in (first, second)]
    result = kmeans.evaluate(testing.input_fn(first, second))
    self.assertAllClose(result['score'], np.mean(scores))
    self.assertEqual(result['loss'], result['score'])
    self.assertEqual(result['global_step'], 1)
    self.assertCountEqual(result, ['score', 'loss', 'global_step'])
    # Only the first batch counts.
    self.assertAllClose(
        kmeans.score(testing.input_fn(first, second)), scores[0]
    )

  def test_training_writes_both_losses(self):
    kmeans = _kmeans(config=estimator_lib.RunConfig(save_summary_steps=1))
    kmeans.train(_forever(), steps=1)
    (path,) = tf.io.gfile.glob(
        os.path.join(kmeans.model_dir, 'events.out.tfevents.*')
    )
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(path)
        for value in event.summary.value
    }
    self.assertContainsSubset({'loss', 'loss/raw'}, tags)

  def test_train_and_evaluate_returns_the_score_of_the_last_step(self):
    kmeans = _kmeans(seed=1)
    result, _ = estimator_lib.train_and_evaluate(
        kmeans,
        estimator_lib.TrainSpec(_forever(), max_steps=3),
        estimator_lib.EvalSpec(_once(), steps=1),
    )
    self.assertEqual(result['global_step'], 3)
    self.assertAllClose(result['score'], kmeans.score(_once()))


class PredictionTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*_METRICS)
  def test_predictions_equal_numpy_over_batches(self, metric):
    kmeans = _kmeans(seed=1, distance_metric=metric)
    kmeans.train(_forever(), steps=2)
    batches = testing.input_fn(_POINTS[:50], _POINTS[50:])
    centers = np.float64(kmeans.cluster_centers())
    points = np.float64(_POINTS)
    if metric == 'cosine':
      points /= np.linalg.norm(points, axis=1, keepdims=True)
      centers /= np.linalg.norm(centers, axis=1, keepdims=True)
      expected = 1 - points @ centers.T
    else:
      expected = np.linalg.norm(points[:, None] - centers, axis=-1)
    distances = np.array(list(kmeans.transform(batches)))
    self.assertAllClose(distances, expected, rtol=1e-4, atol=1e-5)
    self.assertAllEqual(
        list(kmeans.predict_cluster_index(batches)), expected.argmin(axis=1)
    )
    single = next(kmeans.predict(batches))
    self.assertCountEqual(single, ['all_distances', 'cluster_index'])
    self.assertEqual(single['cluster_index'].dtype, np.int64)

  @parameterized.parameters(
      dict(use_mini_batch=False), dict(mini_batch_steps_per_iteration=4)
  )
  def test_cosine_model_of_mini_batches_serves_other_parameters(self, **other):
    # The centers of this model are shorter than 1, by different lengths.
    random = np.random.RandomState(0)
    points = random.normal([[3, 0, 0], [0, 1, 1]], 1, [100, 2, 3])
    points = np.float32(points.reshape([200, 3]))
    kmeans = _kmeans(2, distance_metric='cosine', seed=1)
    kmeans.train(_forever(points), steps=5)
    norms = np.linalg.norm(kmeans.cluster_centers(), axis=1)
    self.assertGreater(abs(norms[0] - norms[1]), 0.05)
    same = kmeans_estimator.KMeans(
        2, kmeans.model_dir, distance_metric='cosine', **other
    )
    self.assertAllClose(same.score(_once(points)), kmeans.score(_once(points)))
    self.assertAllEqual(
        list(same.predict_cluster_index(_once(points))),
        list(kmeans.predict_cluster_index(_once(points))),
    )

  def test_model_dir_may_be_in_memory(self):
    kmeans = kmeans_estimator.KMeans(
        3, f'ram://{self.id()}', use_mini_batch=False
    )
    for _ in range(2):
      kmeans.train(_forever(), steps=1)
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)
    self.assertLen(list(kmeans.predict_cluster_index(_once())), 60)
    self.assertGreater(kmeans.score(_once()), 0)

  def test_predictions_and_score_are_accurate_far_from_the_origin(self):
    random = np.random.RandomState(0)
    middle = 5e3 + 4 * np.arange(3)[:, None] * np.ones([3, 16])
    points = np.float32(
        middle[np.arange(300) % 3] + random.normal(0, 0.2, [300, 16])
    )
    kmeans = _kmeans(initial_clusters='kmeans_plus_plus', seed=1)
    kmeans.train(_forever(points), steps=2)
    centers = np.float64(kmeans.cluster_centers())
    expected = np.linalg.norm(np.float64(points)[:, None] - centers, axis=-1)
    distances = np.array(list(kmeans.transform(_once(points))))
    self.assertAllClose(distances, expected, rtol=1e-3)
    self.assertAllEqual(
        list(kmeans.predict_cluster_index(_once(points))), expected.argmin(1)
    )
    self.assertAllClose(
        kmeans.score(_once(points)), (expected.min(1) ** 2).sum(), rtol=1e-3
    )
    # kmeans++ found the groups: no point is further away than its own spread.
    self.assertLess(expected.min(axis=1).max(), 3)

  def test_points_on_centers_have_distance_0(self):
    kmeans = _trained()
    centers = kmeans.cluster_centers()
    distances = np.array(list(kmeans.transform(_once(centers * 1000))))
    self.assertTrue(np.isfinite(distances).all())
    distances = np.array(list(kmeans.transform(_once(centers))))
    self.assertAllClose(np.diag(distances), np.zeros([3]), atol=1e-3)
    self.assertAllGreaterEqual(distances, 0)


def _receiver():
  x = tf.compat.v1.placeholder(tf.float32, [None, 2])
  return estimator_lib.export.ServingInputReceiver(x, {'x': x})


if __name__ == '__main__':
  tf.test.main()
