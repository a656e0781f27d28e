# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._model_description."""

import functools
import glob
import json
import os
import shutil

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _model_description
from kmeans_estimator import estimator as estimator_lib
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_AB = {'b': _POINTS[:, 1], 'a': _POINTS[:, 0]}
_AC = {'c': _POINTS[:, 1], 'a': _POINTS[:, 0]}


def _batch(features=_POINTS):
  return kmeans_estimator.inputs.array_input_fn(features)


def _kmeans(model_dir=None, **kwargs):
  return kmeans_estimator.KMeans(
      3,
      model_dir=model_dir,
      initial_clusters=_CENTERS,
      config=testing.run_config(session_config=testing.unoptimized()),
      **kwargs,
  )


@functools.lru_cache(maxsize=None)
def _model_dir_on_ab():
  return _kmeans().train(_batch(_AB), steps=1).model_dir


class DescriptionTest(tf.test.TestCase, parameterized.TestCase):

  def _trained(self, features=_POINTS, **kwargs):
    return _kmeans(**kwargs).train(_batch(features), steps=1)

  def _trained_on_ab(self):
    """Returns a copy of a model that was trained once."""
    model_dir = os.path.join(testing.temporary_folder(self), 'model')
    shutil.copytree(_model_dir_on_ab(), model_dir)
    return _kmeans(model_dir)

  def _file(self, kmeans):
    return os.path.join(kmeans.model_dir, 'kmeans.json')

  def _content(self, kmeans):
    with open(self._file(kmeans), encoding='utf-8') as file:
      return json.load(file)

  def _uses(self, kmeans):
    return (
        lambda features: kmeans.train(_batch(features), steps=1),
        lambda features: kmeans.score(_batch(features)),
        lambda features: next(kmeans.predict(_batch(features))),
        lambda features: next(kmeans.transform(_batch(features))),
        lambda features: next(kmeans.predict_cluster_index(_batch(features))),
    )

  def test_training_writes_the_description(self):
    self.assertEqual(
        self._content(self._trained(_AB, distance_metric='cosine')),
        {'distance_metric': 'cosine', 'feature_names': ['a', 'b']},
    )
    self.assertEqual(
        self._content(self._trained()),
        {'distance_metric': 'squared_euclidean', 'feature_names': None},
    )

  def test_different_feature_names_are_refused(self):
    kmeans = self._trained_on_ab()
    for use in self._uses(kmeans):
      use(_AB)
      with self.assertRaisesRegex(
          ValueError,
          r"features are \['a', 'c'\], but the model in .* was trained on "
          r"\['a', 'b'\]",
      ):
        use(_AC)
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)

  def test_names_of_feature_columns_are_described(self):
    columns = [tf.feature_column.numeric_column(name) for name in 'ba']
    kmeans = self._trained({**_AB, **_AC}, feature_columns=columns)
    self.assertEqual(self._content(kmeans)['feature_names'], ['a', 'b'])
    # Feature columns ignore further features.
    kmeans.score(_batch({**_AB, 'd': _POINTS}))
    other = _kmeans(
        kmeans.model_dir,
        feature_columns=[tf.feature_column.numeric_column(n) for n in 'ac'],
    )
    with self.assertRaisesRegex(ValueError, 'was trained on'):
      other.score(_batch({**_AB, **_AC}))

  def test_different_metric_is_refused(self):
    trained = self._trained(distance_metric='cosine')
    other = _kmeans(trained.model_dir)
    for use in self._uses(other):
      with self.assertRaisesRegex(
          ValueError,
          "distance_metric is 'squared_euclidean', but the model in .* was "
          "trained with 'cosine'. Give distance_metric='cosine', or another "
          'model_dir',
      ):
        use(_POINTS)

  def test_matrix_has_no_names_to_compare(self):
    kmeans = self._trained_on_ab()
    for use in self._uses(kmeans):
      use(_POINTS)
    # Training on a matrix keeps the names.
    with self.assertRaisesRegex(ValueError, 'was trained on'):
      kmeans.score(_batch(_AC))

  @parameterized.parameters(None, '', '{', '[]', '{"other": 1}')
  def test_without_a_description_nothing_is_refused(self, content):
    kmeans = self._trained_on_ab()
    os.remove(self._file(kmeans))
    if content is not None:
      with open(self._file(kmeans), 'w', encoding='utf-8') as file:
        file.write(content)
    kmeans.score(_batch(_AC))
    _kmeans(kmeans.model_dir, distance_metric='cosine').score(_batch())
    # This training writes the description.
    kmeans.train(_batch(_AB), steps=1)
    with self.assertRaisesRegex(ValueError, 'was trained on'):
      kmeans.score(_batch(_AC))

  def test_new_model_replaces_the_description_of_an_old_model(self):
    kmeans = self._trained_on_ab()
    for path in glob.glob(os.path.join(kmeans.model_dir, '*ck*p*t*')):
      os.remove(path)
    self._trained(model_dir=kmeans.model_dir, distance_metric='cosine')
    self.assertEqual(
        self._content(kmeans),
        {'distance_metric': 'cosine', 'feature_names': None},
    )

  def test_untrained_model_has_no_description(self):
    kmeans = kmeans_estimator.KMeans(100, config=testing.run_config())
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, '60 of 100 initial'
    ):
      kmeans.train(testing.input_fn(_POINTS))
    self.assertFalse(os.path.exists(self._file(kmeans)))

  def test_given_checkpoint_is_checked_against_its_folder(self):
    kmeans = self._trained_on_ab()
    other = self._trained(_AC)
    with self.assertRaisesRegex(ValueError, f'in {other.model_dir} was'):
      kmeans.evaluate(
          _batch(_AB), checkpoint_path=other.latest_checkpoint(), steps=1
      )

  def test_export_checks_the_names_of_the_receiver(self):
    kmeans = self._trained_on_ab()

    def named(names):
      def receive():
        features = {
            name: tf.compat.v1.placeholder(tf.float32, [None]) for name in names
        }
        return estimator_lib.export.ServingInputReceiver(features, features)

      return receive

    def nameless():
      x = tf.compat.v1.placeholder(tf.float32, [None, 2])
      return estimator_lib.export.ServingInputReceiver(x, {'x': x})

    for make in (named('ab'), nameless):
      path = kmeans.export_saved_model(self.get_temp_dir(), make)
      self.assertEmpty(
          glob.glob(os.path.join(path.decode(), '**/kmeans*'), recursive=True)
      )
    with self.assertRaisesRegex(ValueError, 'was trained on'):
      kmeans.export_saved_model(self.get_temp_dir(), named('ac'))

  def test_reference_continues_training_of_a_described_model(self):
    kmeans = self._trained_on_ab()
    reference = testing.ReferenceKMeans(3, model_dir=kmeans.model_dir)

    def input_fn():
      features = {name: value[:, np.newaxis] for name, value in _AB.items()}
      return tf.data.Dataset.from_tensors(features)

    reference.train(input_fn)
    self.assertGreater(kmeans.get_variable_value('global_step'), 1)
    self.assertAllEqual(
        list(reference.predict_cluster_index(input_fn)),
        list(kmeans.predict_cluster_index(_batch(_AB))),
    )


class FolderTest(parameterized.TestCase):

  @parameterized.parameters('[', '*', '?', '\\')
  def test_refuses_patterns(self, character):
    folder = os.path.join(testing.temporary_folder(self), f'a{character}b')
    for make in (
        lambda: kmeans_estimator.KMeans(3, model_dir=folder),
        lambda: kmeans_estimator.KMeans(
            3, config=estimator_lib.RunConfig(model_dir=folder)
        ),
    ):
      with self.assertRaises(ValueError) as raised:
        make()
      self.assertIn(
          f'model_dir must not contain {character}', str(raised.exception)
      )

  @parameterized.parameters('gs://bucket/a-b_c', '/tmp/a b/ü{x}]!~$&')
  def test_accepts_folders_without_patterns(self, folder):
    _model_description.check_folder(folder)

  def test_works_in_odd_folders(self):
    folder = os.path.join(testing.temporary_folder(self), 'a b]{c}!~$&ü')
    kmeans = kmeans_estimator.KMeans(3, model_dir=folder)
    kmeans.train(_batch(), steps=1)
    kmeans.train(_batch(), steps=1)
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)


if __name__ == '__main__':
  tf.test.main()
