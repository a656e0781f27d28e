# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the names of `tf.contrib.factorization`."""

import inspect

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator import estimator
from kmeans_estimator import factorization
from kmeans_estimator.ops import clustering_ops
from tests.helpers import testing

_POINTS = testing.blobs(40, 3, 4, seed=1)[0]
_INPUT_FN = testing.input_fn(_POINTS)


def _trained(**kwargs):
  kmeans = factorization.KMeansClustering(4, use_mini_batch=False, **kwargs)
  return kmeans.train(_INPUT_FN)


class KMeansClusteringTest(tf.test.TestCase, parameterized.TestCase):

  def test_signature_is_the_documented_one(self):
    # In this order, because callers may pass all arguments by position.
    self.assertEqual(
        [
            (name, parameter.default)
            for name, parameter in inspect.signature(
                factorization.KMeansClustering
            ).parameters.items()
        ],
        list({
            'num_clusters': inspect.Parameter.empty,
            'model_dir': None,
            'initial_clusters': 'random',
            'distance_metric': 'squared_euclidean',
            'random_seed': 0,
            'use_mini_batch': True,
            'mini_batch_steps_per_iteration': 1,
            'kmeans_plus_plus_num_retries': 2,
            'relative_tolerance': None,
            'config': None,
            # Added after TensorFlow 1.4.
            'feature_columns': None,
        }.items()),
    )

  @parameterized.parameters(
      ('ALL_DISTANCES', 'all_distances'),
      ('CLUSTERS', 'clusters'),
      ('CLUSTER_INDEX', 'cluster_index'),
      ('COSINE_DISTANCE', 'cosine'),
      ('KMEANS_PLUS_PLUS_INIT', 'kmeans_plus_plus'),
      ('RANDOM_INIT', 'random'),
      ('SCORE', 'score'),
      ('SQUARED_EUCLIDEAN_DISTANCE', 'squared_euclidean'),
  )
  def test_class_has_documented_constant(self, name, value):
    self.assertEqual(getattr(factorization.KMeansClustering, name), value)

  @parameterized.parameters(
      ('COSINE_DISTANCE', 'cosine'),
      ('KMEANS_PLUS_PLUS_INIT', 'kmeans_plus_plus'),
      ('RANDOM_INIT', 'random'),
      ('SQUARED_EUCLIDEAN_DISTANCE', 'squared_euclidean'),
  )
  def test_module_has_documented_constant(self, name, value):
    self.assertEqual(getattr(factorization, name), value)

  @parameterized.parameters(
      'config model_dir model_fn params'.split()
      + 'cluster_centers evaluate export_savedmodel get_variable_names'.split()
      + 'get_variable_value latest_checkpoint predict'.split()
      + 'predict_cluster_index score train transform'.split()
  )
  def test_has_documented_member(self, name):
    self.assertTrue(hasattr(factorization.KMeansClustering, name))

  def test_random_seed_repeats_draws_and_defaults_to_0(self):
    # Without a seed in RunConfig, as in programs for TensorFlow 1.4.
    config = testing.run_config(tf_random_seed=None)
    default, again, other = (
        _trained(config=config, **kwargs).cluster_centers()
        for kwargs in ({}, {'random_seed': 0}, {'random_seed': 5})
    )
    self.assertAllEqual(default, again)
    self.assertNotAllClose(default, other)

  def test_argument_seed_is_refused(self):
    with self.assertRaisesRegex(TypeError, 'seed'):
      factorization.KMeansClustering(4, seed=None)

  def test_feature_columns_select_features(self):
    kmeans = factorization.KMeansClustering(
        4,
        use_mini_batch=False,
        feature_columns=[tf.feature_column.numeric_column('x', shape=[3])],
    )
    features = {'x': _POINTS, 'unused': _POINTS}
    kmeans.train(lambda: tf.data.Dataset.from_tensors(features))
    self.assertAllClose(
        kmeans.cluster_centers(), _trained().cluster_centers()
    )

  @parameterized.parameters('squared_euclidean', 'cosine')
  def test_transform_gives_squared_distances(self, metric):
    kmeans = _trained(distance_metric=metric)
    centers = kmeans.cluster_centers()
    if metric == 'cosine':
      expected = 1 - _normalized(_POINTS) @ _normalized(centers).T
    else:
      expected = np.square(_POINTS[:, None] - centers).sum(-1)
    self.assertAllClose(
        list(kmeans.transform(_INPUT_FN)), expected, atol=1e-4
    )

  def test_dict_of_features_is_joined_in_the_order_of_keys(self):
    # Columns are in the order of the sorted keys, as documented.
    columns = dict(zip('cab', _POINTS.T))
    kmeans = factorization.KMeansClustering(4, use_mini_batch=False)
    kmeans.train(lambda: tf.data.Dataset.from_tensors(columns))
    self.assertAllClose(
        kmeans.cluster_centers(), _trained().cluster_centers()[:, [1, 2, 0]]
    )

  def test_export_savedmodel_exports_documented_signatures(self):
    def receive():
      x = tf.compat.v1.placeholder(tf.float32, [None, 3])
      return estimator.export.ServingInputReceiver(x, x)

    kmeans = _trained()
    path = kmeans.export_savedmodel(self.get_temp_dir(), receive)
    serve = tf.saved_model.load(path.decode()).signatures['serving_default']
    self.assertAllEqual(
        serve(tf.constant(_POINTS))['output'],
        list(kmeans.predict_cluster_index(_INPUT_FN)),
    )


class KMeansTest(tf.test.TestCase):

  def test_is_the_graph_level_class(self):
    self.assertIs(factorization.KMeans, clustering_ops.KMeans)


def _normalized(rows):
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == '__main__':
  tf.test.main()
