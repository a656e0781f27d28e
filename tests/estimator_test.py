# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the Estimator namespace and of restoring it in TensorFlow."""

import functools
import importlib
import os
import types

from absl.testing import parameterized
import pytest
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from tests.helpers import running
from tests.helpers import testing


def _names(module, prefix=''):
  """Returns the public names of a namespace, including nested names 'a.b'."""
  for name in dir(module):
    if not name.startswith('_'):
      yield prefix + name
      value = getattr(module, name)
      if isinstance(value, types.ModuleType):
        yield from _names(value, f'{prefix}{name}.')


def _names_in_2_15():
  path = os.path.join(testing.TESTDATA, 'estimator_namespace_2_15.txt')
  with open(path, encoding='utf-8') as f:
    return f.read().split()


def _weighted(features, labels, mode):
  """A model function that learns to multiply by 2."""
  weight = tf.compat.v1.get_variable(
      'weight', [], initializer=tf.compat.v1.zeros_initializer()
  )
  product = features['x'] * weight
  if mode == estimator.ModeKeys.PREDICT:
    return estimator.EstimatorSpec(
        mode,
        predictions={'y': product},
        export_outputs={
            'serving_default': estimator.export.PredictOutput({'y': product})
        },
    )
  loss = tf.reduce_mean(tf.square(product - labels))
  return estimator.EstimatorSpec(
      mode,
      loss=loss,
      train_op=tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize(
          loss, tf.compat.v1.train.get_global_step()
      ),
      eval_metric_ops={'label': tf.compat.v1.metrics.mean(labels)},
  )


def _doubles():
  return tf.data.Dataset.from_tensors(
      ({'x': [1.0, 2.0, 3.0]}, [2.0, 4.0, 6.0])
  ).repeat(20)


def _tpu_weighted(features, labels, mode, params):
  del params
  spec = _weighted(features, labels, mode)
  return estimator.tpu.TPUEstimatorSpec(
      mode,
      predictions=spec.predictions,
      loss=spec.loss,
      train_op=spec.train_op,
  )


class NamespaceTest(tf.test.TestCase, parameterized.TestCase):

  def test_configs_of_estimators_are_instances_of_run_config(self):
    class Own(estimator.RunConfig):
      pass

    by_default = kmeans_estimator.KMeans(2).config
    for config in by_default, estimator.tpu.RunConfig(), Own():
      self.assertIsInstance(config, estimator.RunConfig)
    self.assertIsInstance(Own(), Own)
    self.assertNotIsInstance(by_default, Own)

  def test_namespace_has_the_names_of_2_15(self):
    self.assertCountEqual(
        _names(estimator), [*_names_in_2_15(), 'restore_tf_estimator']
    )

  def test_every_name_is_importable(self):
    for name in _names_in_2_15():
      module, _, attribute = f'{estimator.__name__}.{name}'.rpartition('.')
      self.assertTrue(
          hasattr(importlib.import_module(module), attribute), name
      )

  def test_namespace_is_an_attribute_of_the_package(self):
    self.assertIs(kmeans_estimator.estimator, estimator)
    self.assertIs(
        kmeans_estimator.estimator.export.ServingInputReceiver,
        importlib.import_module(
            'kmeans_estimator.estimator.export'
        ).ServingInputReceiver,
    )

  def test_kmeans_is_the_class_of_this_package(self):
    self.assertIs(
        estimator.experimental.KMeans, kmeans_estimator.KMeansClustering
    )

  def test_unknown_name_raises_attribute_error(self):
    with self.assertRaisesRegex(
        AttributeError, "kmeans_estimator.estimator.experimental.*'GMM'"
    ):
      _ = estimator.experimental.GMM

  def test_trains_evaluates_predicts_and_exports(self):
    model = estimator.Estimator(
        _weighted,
        self.get_temp_dir(),
        estimator.RunConfig(tf_random_seed=1),
    )
    model.train(_doubles)
    self.assertAllClose(model.get_variable_value('weight'), 2)
    self.assertEqual(
        model.evaluate(_doubles, steps=2),
        {'loss': 0, 'label': 4, 'global_step': 20},
    )
    self.assertAllClose(
        [row['y'] for row in model.predict(_doubles)][:3], [2, 4, 6]
    )

    def receive():
      x = tf.compat.v1.placeholder(tf.float32, [None])
      return estimator.export.ServingInputReceiver({'x': x}, {'x': x})

    path = model.export_saved_model(self.get_temp_dir(), receive)
    serve = tf.saved_model.load(path.decode()).signatures['serving_default']
    self.assertAllClose(serve(x=tf.constant([5.0]))['y'], [10])

  @parameterized.parameters(None, 'mirrored')
  def test_train_and_evaluate_exports(self, distribute):
    strategy = distribute and tf.distribute.MirroredStrategy(['/cpu:0'])
    model = estimator.Estimator(
        _weighted,
        self.get_temp_dir(),
        estimator.RunConfig(
            save_checkpoints_steps=5,
            train_distribute=strategy,
            eval_distribute=strategy,
        ),
    )
    metrics, _ = estimator.train_and_evaluate(
        model,
        estimator.TrainSpec(_doubles, max_steps=15),
        estimator.EvalSpec(_doubles),
    )
    self.assertEqual(metrics, {'loss': 0, 'label': 4, 'global_step': 15})

  def test_tpu_estimator_trains_without_a_tpu(self):
    model = estimator.tpu.TPUEstimator(
        _tpu_weighted,
        self.get_temp_dir(),
        estimator.tpu.RunConfig(),
        use_tpu=False,
        train_batch_size=3,
        eval_batch_size=3,
        predict_batch_size=3,
    )
    model.train(lambda params: _doubles(), steps=10)
    self.assertAllClose(model.evaluate(lambda params: _doubles(), 1)['loss'], 0)
    self.assertAllClose(
        next(model.predict(lambda params: _doubles()))['y'], 2
    )


_RESTORE = """
import numpy as np
import tensorflow as tf
# Makes TensorFlow import its lazily loaded modules.
from kmeans_estimator import KMeansClustering, restore_tf_estimator
from kmeans_estimator import estimator

def everything():
  modules = [tf, tf.compat, tf.compat.v1, tf.compat.v2, tf.train,
             tf.compat.v1.train, tf.compat.v1.compat, tf.compat.v2.compat]
  if hasattr(tf, 'estimator'):
    for api in tf.estimator, tf.compat.v1.estimator:
      api.Estimator  # Loads it, where that is put off.
    modules += [api for part in (tf.estimator, tf.compat.v1.estimator)
                for api in (part, part.experimental, part.export)]
  return [(module, dict(vars(module))) for module in modules]

had_it = hasattr(tf, 'estimator')
before = everything()
restore_tf_estimator()
restore_tf_estimator()
changed = set()
for module, names in before:
  for name in {*names, *vars(module)}:
    if not name.startswith('_') and (
        names.get(name) is not vars(module).get(name)):
      changed.add(name)
assert changed == ({'KMeans'} if had_it else {'estimator'}), changed

# As users write it.
import tensorflow.compat.v1 as tf1
from tensorflow.compat.v1 import estimator as estimator_v1
from tensorflow import estimator as estimator_v2
import tensorflow.compat.v1.estimator as imported_v1
import tensorflow.estimator as imported_v2
from tensorflow.compat.v1.estimator.inputs import numpy_input_fn
from tensorflow.estimator.experimental import KMeans as from_v2
from tensorflow.compat.v1.estimator.experimental import KMeans as from_v1
import tensorflow.compat.v2 as tf2

for each in (tf.estimator, tf.compat.v1.estimator, tf1.estimator, estimator_v1,
             estimator_v2, imported_v1, imported_v2, tf2.estimator,
             tf.compat.v2.estimator, tf.compat.v1.compat.v1.estimator,
             tf.compat.v1.compat.v2.estimator,
             tf.compat.v2.compat.v1.estimator):
  assert each.experimental.KMeans is KMeansClustering, each
  assert (each.RunConfig is estimator.RunConfig) != had_it, each
assert from_v1 is from_v2 is KMeansClustering
assert tf.estimator.Estimator is estimator_v2.Estimator
assert tf.estimator.Estimator is not tf.compat.v1.estimator.Estimator
assert tf1.estimator.inputs.numpy_input_fn is numpy_input_fn

from tests import estimator_test
print('v1', *estimator_test._names(tf.compat.v1.estimator))
print('v2', *estimator_test._names(tf.estimator))

# Uses Estimator as an old program does, to check the log.
tf1.logging.set_verbosity(tf1.logging.WARN)
input_fn = numpy_input_fn(
    {'x': np.eye(4, dtype='float32')},
    batch_size=4, num_epochs=1, shuffle=False)
for namespace in tf1.estimator, tf.estimator:
  kmeans = namespace.experimental.KMeans(
      2, model_dir=None, use_mini_batch=False,
      config=namespace.RunConfig(tf_random_seed=1))
  for _ in range(2):
    kmeans.train(input_fn)
  kmeans.score(input_fn)
  list(kmeans.predict_cluster_index(input_fn))

def receive():
  x = tf1.placeholder(tf.float32, [None, 4])
  return tf1.estimator.export.ServingInputReceiver(x, x)

kmeans.export_saved_model(kmeans.model_dir + '/export', receive)
"""


@pytest.mark.slow
class RestoreTest(tf.test.TestCase):

  def test_restore_tf_estimator_restores_both_namespaces(self):
    result = running.run_forked('-c', _RESTORE, TF_CPP_MIN_LOG_LEVEL='3')
    self.assertEqual(result.status, 0, result.err)
    lines = dict(
        (line.partition(' ')[::2]) for line in result.out.splitlines()
    )
    self.assertCountEqual(lines['v1'].split(), _names_in_2_15())
    self.assertContainsSubset(
        {'Estimator', 'RunConfig', 'experimental.KMeans', 'export'},
        lines['v2'].split(),
    )
    # The log contains Estimator's messages, but no deprecation warnings.
    self.assertIn('Using temporary folder as model directory', result.err)
    self.assertNotIn('deprecated', result.err)
    self.assertNotIn('tf.keras', result.err)


_IMPORT = """
import sys, warnings
import kmeans_estimator
print("tensorflow" in sys.modules, *dir(kmeans_estimator))

import tensorflow
warnings.filterwarnings("error", "", DeprecationWarning, "kmeans_estimator$")
before = set(sys.modules)
kmeans_estimator.KMeans, kmeans_estimator.factorization
print(*{m.partition(".")[0] for m in set(sys.modules) - before})
kmeans_estimator.KMeans(2)

from kmeans_estimator import *
print(KMeans is KMeansClustering is estimator.experimental.KMeans)
print(ops.clustering_ops.KMeans is factorization.KMeans)
kmeans_estimator.GMM
"""


@functools.lru_cache(maxsize=None)
def _run_import(run, legacy_keras):
  """Runs _IMPORT; returns the lines of its output, and its log."""
  result = run(
      '-c', _IMPORT, TF_USE_LEGACY_KERAS=legacy_keras, TF_CPP_MIN_LOG_LEVEL='3'
  )
  log, _, error = result.err.rpartition('Traceback')
  if not error.endswith("'kmeans_estimator' has no attribute 'GMM'\n"):
    raise AssertionError(result.err)
  return result.out.splitlines(), log


@pytest.mark.slow
class ImportTest(tf.test.TestCase, parameterized.TestCase):

  # TensorFlow reads the variable when it is imported; '0' is the default.
  @parameterized.parameters((running.run_forked, '0'), (running.run, '1'))
  def test_import_logs_nothing_and_loads_no_heavy_package(
      self, run, legacy_keras
  ):
    (_, loaded, *_), log = _run_import(run, legacy_keras)
    # Keras is slow to import, too, but tensorflow-estimator needs it.
    heavy = {'matplotlib', 'pandas', 'scipy', 'sklearn'}
    self.assertEmpty(heavy.intersection(loaded.split()))
    self.assertNotIn('deprecated', log.lower())
    self.assertNotIn('keras', log.lower())

  def test_importing_the_package_does_not_import_tensorflow(self):
    # A program may set TensorFlow's environment variables after the import.
    (first, _, *others), _ = _run_import(running.run, '1')
    self.assertEqual(first.split(), ['False', *kmeans_estimator.__all__])
    self.assertEqual(others, ['True', 'True'])


if __name__ == '__main__':
  tf.test.main()
