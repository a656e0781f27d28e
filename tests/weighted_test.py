# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of WeightedKMeans, the Estimator; `weights_test` has the arithmetic."""

import inspect

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from tests.helpers import implementations
from tests.helpers import testing

N, D, K = 60, 2, 3
POINTS, CENTERS = testing.blobs(N, D, K, seed=0)
WEIGHTS = np.random.RandomState(0).randint(0, 4, N)
REPEATED = POINTS.repeat(WEIGHTS, axis=0)
MODES = estimator_lib.ModeKeys


def _kmeans(**kwargs):
  kwargs.setdefault('config', testing.run_config())
  kwargs.setdefault('weight_column', 'w')
  kwargs.setdefault('initial_clusters', CENTERS)
  return kmeans_estimator.WeightedKMeans(K, **kwargs)


def _features(**features):
  """An `input_fn` of one batch."""
  return lambda: tf.data.Dataset.from_tensors(features)


WEIGHTED = _features(x=POINTS, w=WEIGHTS)


def _spec(mode, features, **kwargs):
  kmeans = _kmeans(**kwargs)
  with tf.Graph().as_default():
    tf.compat.v1.train.create_global_step()
    return kmeans.model_fn(features(), None, mode, kmeans.config)


class ConstructorTest(tf.test.TestCase, parameterized.TestCase):

  def test_is_a_kmeans_with_two_arguments_more(self):
    of_parent, own = (
        list(inspect.signature(each.__init__).parameters.values())
        for each in (
            kmeans_estimator.KMeansClustering, kmeans_estimator.WeightedKMeans
        )
    )  # pyformat: disable
    for one, other in zip(of_parent, own):
      self.assertEqual(
          (one.name, one.kind, one.default),
          (other.name, other.kind, other.default),
      )
    self.assertEqual(
        [(each.name, each.default) for each in own[len(of_parent) :]],
        [('weight_column', None), ('num_starts', 1)],
    )
    self.assertEqual(own[-1].kind, inspect.Parameter.KEYWORD_ONLY)
    self.assertIsInstance(_kmeans(), kmeans_estimator.KMeansClustering)

  @parameterized.parameters(
      (dict(weight_column=3), TypeError, 'weight_column must be .* got 3'),
      (dict(weight_column=['w']), TypeError, 'weight_column must be'),
      (dict(num_starts=0, initial_clusters='random'), ValueError, 'num_starts'),
      (dict(num_starts=3), ValueError, 'num_starts must be 1'),
      (dict(initial_clusters='kmeans'), ValueError, 'initial_clusters'),
  )
  def test_wrong_arguments_are_refused(self, kwargs, error, message):
    with self.assertRaisesRegex(error, message):
      _kmeans(**kwargs)

  def test_refuses_a_column_of_several_numbers(self):
    column = tf.feature_column.numeric_column('w', shape=[2])
    with self.assertRaisesRegex(ValueError, "'w' of shape .2."):
      _kmeans(weight_column=column)


class FeaturesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(MODES.TRAIN, MODES.EVAL)
  def test_missing_column_is_named(self, mode):
    with self.assertRaisesRegex(
        ValueError, r"must hold the weight_column 'w', got \['x'\]"
    ):
      _spec(mode, lambda: {'x': tf.zeros([3, 2])})
    with self.assertRaisesRegex(TypeError, "weight_column is 'w', so features"):
      _spec(mode, lambda: tf.zeros([3, 2]))

  @parameterized.parameters(
      ([3, 2], tf.float32, ValueError, r"'w' \(the weight_column\).*\(3, 2\)"),
      ([], tf.float32, ValueError, r"'w' \(the weight_column\) must be of sha"),
      ([3], tf.string, TypeError, "'w' .the weight_column. must hold numbers"),
      ([4], tf.float32, ValueError, r'each of the 3 points, got shape \(4,\)'),
  )
  def test_wrong_column_is_named(self, shape, dtype, error, message):
    def features():
      return {'x': tf.zeros([3, 2]), 'w': tf.zeros(shape, dtype)}

    with self.assertRaisesRegex(error, message):
      _spec(MODES.TRAIN, features)

  @parameterized.parameters(MODES.TRAIN, MODES.EVAL, MODES.PREDICT)
  def test_weight_column_is_no_coordinate(self, mode):
    for weights in np.ones([3]), np.ones([3, 1]):
      spec = _spec(
          mode, lambda w=weights: {'x': tf.zeros([3, 2]), 'w': tf.constant(w)}
      )
      self.assertEqual(spec.predictions['all_distances'].shape, [3, K])

  def test_prediction_needs_no_weights(self):
    for features in (
        lambda: {'x': tf.zeros([3, 2])}, lambda: tf.zeros([3, 2])
    ):  # pyformat: disable
      spec = _spec(MODES.PREDICT, features)
      self.assertEqual(spec.predictions['all_distances'].shape, [3, K])

  def test_numeric_column_is_normalized(self):
    column = tf.feature_column.numeric_column(
        'w', normalizer_fn=lambda weights: weights / 2
    )
    with tf.Graph().as_default():
      _, weights = kmeans_estimator.features.split_weights(
          {'x': tf.zeros([3, 2]), 'w': tf.constant([4.0, 2.0, 0.0])},
          column,
          is_needed=True,
      )
      with tf.compat.v1.Session() as session:
        self.assertAllEqual(session.run(weights), [2, 1, 0])


class WeightedKMeansTest(tf.test.TestCase, parameterized.TestCase):

  def test_methods_with_weights_equal_kmeans_on_repeated_points(self):
    kmeans = _kmeans(use_mini_batch=False)
    self.assertIs(kmeans.train(WEIGHTED), kmeans)
    plain = kmeans_estimator.KMeans(
        K,
        initial_clusters=CENTERS,
        use_mini_batch=False,
        config=testing.run_config(),
    )
    plain.train(testing.input_fn(REPEATED))
    self.assertAllClose(kmeans.cluster_centers(), plain.cluster_centers())
    self.assertAllClose(
        kmeans.score(WEIGHTED), plain.score(testing.input_fn(REPEATED))
    )
    index = list(plain.predict_cluster_index(testing.input_fn(POINTS)))
    for points in WEIGHTED, _features(x=POINTS), testing.input_fn(POINTS):
      self.assertAllEqual(list(kmeans.predict_cluster_index(points)), index)
    self.assertLen(list(kmeans.transform(WEIGHTED)), N)

  def test_export_takes_no_weights(self):
    kmeans = _kmeans().train(WEIGHTED)

    def receiver():
      points = tf.compat.v1.placeholder(tf.float32, [None, D])
      return estimator_lib.export.ServingInputReceiver({'x': points}, points)

    path = kmeans.export_saved_model(testing.temporary_folder(self), receiver)
    signature = tf.saved_model.load(path).signatures['serving_default']
    [argument] = signature.structured_input_signature[1]
    self.assertAllEqual(
        signature(**{argument: tf.constant(POINTS)})['output'],
        list(kmeans.predict_cluster_index(WEIGHTED)),
    )

  def test_goes_on_from_its_checkpoint(self):
    folder = testing.temporary_folder(self)
    for _ in range(2):
      _kmeans(model_dir=folder).train(WEIGHTED)
    at_once = _kmeans().train(
        lambda: WEIGHTED().repeat(2)
    )
    self.assertAllEqual(
        _kmeans(model_dir=folder).cluster_centers(), at_once.cluster_centers()
    )
    values = testing.checkpoint_values(folder)
    self.assertEqual(values['Variable'].dtype, np.float64)
    # Each center counted as a point of weight 1 at first.
    self.assertEqual(values['Variable'].sum(), 2 * WEIGHTS.sum() + K)

  def test_counts_of_points_and_of_weights_are_told_apart(self):
    weighted, plain = (testing.temporary_folder(self) for _ in range(2))
    _kmeans(model_dir=weighted).train(WEIGHTED)
    without = dict(weight_column=None)
    _kmeans(model_dir=plain, **without).train(_features(x=POINTS))
    with self.assertRaisesRegex(
        ValueError, 'without a weight_column cannot continue from'
    ):
      _kmeans(model_dir=weighted, **without).train(_features(x=POINTS))
    with self.assertRaisesRegex(
        ValueError, 'with a weight_column cannot continue from'
    ):
      _kmeans(model_dir=plain).train(WEIGHTED)

  def test_kmeans_goes_on_from_a_model_without_a_weight_column(self):
    folder = testing.temporary_folder(self)
    _kmeans(model_dir=folder, weight_column=None).train(
        testing.input_fn(POINTS)
    )
    plain = kmeans_estimator.KMeans(K, folder, config=testing.run_config())
    plain.train(testing.input_fn(POINTS))
    self.assertEqual(testing.checkpoint_values(folder)['global_step'], 2)

  def test_wrong_weights_fail_and_change_no_center(self):
    wrong = WEIGHTS.copy()
    wrong[5] = -2
    kmeans = _kmeans().train(WEIGHTED)
    before = kmeans.cluster_centers()
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, r'not negative.*5.*weights:.*-2'
    ):
      kmeans.train(_features(x=POINTS, w=wrong))
    self.assertAllEqual(kmeans.cluster_centers(), before)
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, r'not negative.*5.*weights:.*-2'
    ):
      kmeans.score(_features(x=POINTS, w=wrong))
    kmeans.train(WEIGHTED)

  def test_several_starts_repeat_with_a_seed(self):
    centers = [
        _kmeans(initial_clusters='kmeans_plus_plus', num_starts=3, seed=seed)
        .train(WEIGHTED)
        .cluster_centers()
        for seed in (1, 1)
    ]
    self.assertAllEqual(*centers)


@implementations.native_and_portable
class StrategiesTest(tf.test.TestCase, parameterized.TestCase):

  # Several starts only in the mode that has two matrices of centers: choosing
  # the best start takes the larger part of a graph.
  @parameterized.parameters(
      dict(use_mini_batch=False, initial_clusters='random'),
      dict(initial_clusters='random'),
      dict(
          mini_batch_steps_per_iteration=2,
          initial_clusters='kmeans_plus_plus',
          num_starts=2,
      ),
  )
  def test_replicas_make_one_step_together(self, **kwargs):
    tf.config.set_soft_device_placement(True)
    found = []
    for replicas in (1, 2):
      strategy = None
      if replicas > 1:
        strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])

      def input_fn(parts=replicas):
        # Parts of different lengths; the first batch gives all the centers.
        splits = [0, 20, N] if parts > 1 else [0, N]
        batches = [
            dict(x=POINTS[i:j], w=WEIGHTS[i:j])
            for i, j in zip(splits, splits[1:])
        ]
        return testing.input_fn(*batches)().repeat(4)

      kmeans = _kmeans(
          seed=2,
          config=testing.run_config(
              train_distribute=strategy,
              session_config=testing.cpus(2),
          ),
          **kwargs,
      )
      kmeans.train(input_fn, steps=3)
      found.append(testing.checkpoint_values(kmeans.model_dir))
    self.assertAllClose(*found, rtol=1e-5, atol=1e-5)
    if 'Variable' in found[0]:
      self.assertEqual(found[0]['Variable'].dtype, np.float64)

  def test_train_and_evaluate_returns_the_weighted_score(self):
    kmeans = _kmeans(use_mini_batch=False)
    result, _ = estimator_lib.train_and_evaluate(
        kmeans,
        estimator_lib.TrainSpec(
            lambda: WEIGHTED().repeat(), max_steps=2
        ),
        estimator_lib.EvalSpec(WEIGHTED),
    )
    self.assertAllClose(result['score'], kmeans.score(WEIGHTED))


if __name__ == '__main__':
  tf.test.main()
