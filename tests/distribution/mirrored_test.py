# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests training and evaluation on several devices of one process."""

import functools

from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

import kmeans_estimator
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import running
from tests.helpers import testing

_K = 4
_ROWS = 48
_BATCHES = [
    testing.blobs(_ROWS, 3, _K, seed)[0].astype(np.float32)
    for seed in (1, 1, 2, 3, 4)
]
_CENTERS = _BATCHES[0][:_K] + np.float32(0.1)
_NO_CHECKPOINTS = dict(save_checkpoints_steps=None, save_checkpoints_secs=None)
_RULES = {
    'full_batch': dict(use_mini_batch=False),
    'mini_batch': {},
    'iterations_of_two_steps': dict(mini_batch_steps_per_iteration=2),
}


def _steps_per_iteration(rule):
  return {'full_batch': None, 'mini_batch': 1}.get(rule, 2)


def _strategy(replicas):
  # An earlier test in this process may have disabled soft placement, and then
  # all devices of a strategy must exist.
  tf.config.set_soft_device_placement(True)
  return replicas and tf.distribute.MirroredStrategy(
      [f'CPU:{i}' for i in range(replicas)]
  )


def _kmeans(replicas, model_dir=None, saves=True, **kwargs):
  """Creates an Estimator on several CPUs.

  Args:
    replicas: the number of CPUs; None: without a strategy.
    model_dir: the folder of the model.
    saves: whether it saves checkpoints, which takes time.
    **kwargs: further arguments of the Estimator.
  """
  strategy = _strategy(replicas)
  return kmeans_estimator.KMeansClustering(
      _K,
      config=testing.run_config(
          model_dir=model_dir,
          train_distribute=strategy,
          eval_distribute=strategy,
          tf_random_seed=7,
          session_config=testing.cpus(4),
          **({} if saves else _NO_CHECKPOINTS),
      ),
      **kwargs,
  )


def _shards(batches, replicas):
  """Returns an input that splits each batch into parts of different sizes."""
  parts = replicas or 1
  places = [_ROWS * (i + 1) ** 2 // (parts + 1) ** 2 for i in range(parts)][1:]
  return testing.input_fn(
      *(part for batch in batches for part in np.split(batch, places))
  )


class _Losses(tf.compat.v1.train.SessionRunHook):
  """Records the loss of each step that Estimator reports."""

  def __init__(self):
    self.values = []

  def before_run(self, run_context):
    [loss] = run_context.session.graph.get_collection(
        tf.compat.v1.GraphKeys.LOSSES
    )
    return tf.compat.v1.train.SessionRunArgs(loss)

  def after_run(self, run_context, run_values):
    self.values.append(run_values.results)


class _Copies(tf.compat.v1.train.SessionRunHook):
  """Records the variables of all replicas at the end of training."""

  def begin(self):
    self._reads = {
        op.name: op.outputs[0]
        for op in tf.compat.v1.get_default_graph().get_operations()
        if op.type == 'ReadVariableOp' and '/Read/' in op.name
    }

  def end(self, session):
    self.values = {}
    for name, value in session.run(self._reads).items():
      variable = name.split('/')[0]
      self.values.setdefault(variable, []).append(value)


@implementations.native_and_portable
class StepTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ('full_batch', numpy_model.SQUARED_EUCLIDEAN, 3),
      ('full_batch', numpy_model.COSINE, 2),
      ('mini_batch', numpy_model.SQUARED_EUCLIDEAN, 2),
      ('mini_batch', numpy_model.COSINE, 2),
      ('iterations_of_two_steps', numpy_model.SQUARED_EUCLIDEAN, 2),
      ('iterations_of_two_steps', numpy_model.COSINE, 2),
  )
  def test_step_equals_one_step_on_the_batches_of_all_replicas(
      self, rule, metric, replicas
  ):
    kmeans = _kmeans(
        replicas,
        initial_clusters=_CENTERS,
        distance_metric=metric,
        **_RULES[rule],
    )
    losses, copies = _Losses(), _Copies()
    kmeans.train(_shards(_BATCHES, replicas), hooks=[losses, copies])

    state = numpy_model.initial_state(
        _CENTERS, metric, _steps_per_iteration(rule)
    )
    expected = []
    for batch in _BATCHES:
      state, loss = numpy_model.step(state, batch)
      expected.append(loss)
    testing.assert_state(testing.checkpoint_values(kmeans.model_dir), state)
    np.testing.assert_allclose(losses.values, expected, 1e-4)
    self.assertIn('clusters', copies.values)
    for name, values in copies.values.items():
      self.assertLen(values, replicas, name)
      for value in values:
        np.testing.assert_array_equal(value, values[0], name)

    if rule != 'full_batch':
      return  # Evaluation takes no notice of the rule.
    # The score is the mean over steps of the sum over all replicas.
    evaluated = kmeans.evaluate(_shards(_BATCHES[:2], replicas))
    score = np.mean([
        numpy_model.distances(batch, state.clusters, metric).min(axis=1).sum()
        for batch in _BATCHES[:2]
    ])
    np.testing.assert_allclose(evaluated['score'], score, 1e-4)
    np.testing.assert_allclose(evaluated['loss'], score, 1e-4)


def _trained_and_scored(strategy):
  kmeans = kmeans_estimator.KMeansClustering(
      _K,
      initial_clusters='kmeans_plus_plus',
      mini_batch_steps_per_iteration=2,
      config=testing.run_config(
          train_distribute=strategy,
          eval_distribute=strategy,
          tf_random_seed=7,
      ),
  )
  kmeans.train(testing.input_fn(*_BATCHES))
  values = testing.checkpoint_values(kmeans.model_dir)
  return {**values, 'score': kmeans.score(testing.input_fn(*_BATCHES))}


@functools.lru_cache(maxsize=None)
def _trained_without_a_strategy():
  return _trained_and_scored(None)


class OneReplicaTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      lambda: tf.distribute.MirroredStrategy(['CPU:0']),
      lambda: tf.distribute.OneDeviceStrategy('CPU:0'),
      tf.distribute.MultiWorkerMirroredStrategy,
  )
  def test_one_replica_trains_as_without_a_strategy(self, make_strategy):
    values = _trained_and_scored(make_strategy())
    for name, value in _trained_without_a_strategy().items():
      np.testing.assert_array_equal(values[name], value, name)


class InitializationTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      'random', 'kmeans_plus_plus', 'kmc2', 'array', 'function'
  )
  def test_centers_are_chosen_from_the_batches_of_all_replicas(self, name):
    method = {
        'array': _CENTERS,
        'function': lambda inputs, k: inputs[0][-1:] + tf.cast(k, tf.float32),
    }.get(name, name)
    centers = []
    for replicas in (None, 2):
      kmeans = _kmeans(
          replicas,
          saves=False,
          initial_clusters=method,
          mini_batch_steps_per_iteration=2,
          seed=3,
      )
      copies = _Copies()
      # The input ends after the initialisation or, with given centers, after
      # one step. k-MC2 and the function choose one center per batch.
      batches = _BATCHES[: _K if name in ('function', 'kmc2') else 1]
      kmeans.train(_shards(batches, replicas), hooks=[copies])
      centers.append(copies.values['clusters'][0])
    self.assertAllClose(centers[0], centers[1])
    self.assertEqual(centers[0].shape, (_K, 3))
    for name in ('clusters', 'clusters_updated', 'initialized'):
      first, second = copies.values[name]
      np.testing.assert_array_equal(first, second)


class StopTest(tf.test.TestCase, parameterized.TestCase):

  def test_relative_tolerance_stops_at_the_same_step(self):
    steps = []
    for replicas in (None, 2):
      kmeans = _kmeans(
          replicas,
          initial_clusters=_CENTERS,
          use_mini_batch=False,
          relative_tolerance=1e-3,
      )
      kmeans.train(_shards(_BATCHES[:1] * 20, replicas))
      steps.append(kmeans.get_variable_value('global_step'))
    self.assertEqual(steps[0], steps[1])
    self.assertLess(steps[0], 20)

  def test_step_needs_a_batch_for_each_replica(self):
    kmeans = _kmeans(2, initial_clusters=_CENTERS)
    kmeans.train(testing.input_fn(*_BATCHES))
    self.assertEqual(kmeans.get_variable_value('global_step'), 2)


class CheckpointTest(tf.test.TestCase):

  def test_checkpoint_continues_with_any_number_of_replicas(self):
    model_dir = testing.temporary_folder(self)
    state = numpy_model.initial_state(
        _CENTERS, numpy_model.SQUARED_EUCLIDEAN, None
    )

    def reference():
      return testing.ReferenceKMeans(
          _K, model_dir, use_mini_batch=False, config=testing.run_config()
      )

    def ours(replicas):
      return _kmeans(
          replicas, model_dir, initial_clusters=_CENTERS, use_mini_batch=False
      )

    # Data without empty clusters: the reference would lose their centers.
    batches = [_BATCHES[0] + np.float32(0.1 * i) for i in range(5)]
    for replicas, batch in zip((2, None, 'reference', 4, 1), batches):
      if replicas == 'reference':
        reference().train(_shards([batch], None))
      else:
        ours(replicas).train(_shards([batch], replicas))
      state, _ = numpy_model.step(state, batch)
    testing.assert_state(testing.checkpoint_values(model_dir), state)
    self.assertAllClose(
        reference().score(_shards(_BATCHES, None)),
        ours(2).score(_shards(_BATCHES, 2)),
    )


class BadBatchTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters('full_batch', 'iterations_of_two_steps')
  def test_nan_on_one_replica_changes_no_variable(self, rule):
    kmeans = _kmeans(2, initial_clusters=_CENTERS, **_RULES[rule])
    kmeans.train(_shards(_BATCHES[:2], 2))
    before = testing.checkpoint_values(kmeans.model_dir)

    bad = _BATCHES[2].copy()
    bad[_ROWS - 3, 1] = np.nan
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'holds NaN or Inf.*columns:\] \[\[1\]\]',
    ):
      kmeans.train(_shards([bad], 2))
    after = testing.checkpoint_values(kmeans.model_dir)
    for name, value in before.items():
      np.testing.assert_array_equal(after[name], value, name)

    kmeans.train(_shards(_BATCHES[2:], 2))
    state = numpy_model.initial_state(
        _CENTERS, numpy_model.SQUARED_EUCLIDEAN, _steps_per_iteration(rule)
    )
    for batch in _BATCHES:
      state, _ = numpy_model.step(state, batch)
    testing.assert_state(testing.checkpoint_values(kmeans.model_dir), state)

  def test_wrong_number_of_columns_is_refused(self):
    def batches(*columns):
      return lambda: tf.data.Dataset.from_generator(
          lambda: (_BATCHES[0][:, :n] for n in columns),
          output_signature=tf.TensorSpec([None, None]),
      )

    message = r'same number of columns on all replicas.*\[3 2\]'
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _kmeans(2, initial_clusters='random').train(batches(3, 2))
    message = r'as many columns as the centers.*\[2\].*by replica:. \[2 3\]'
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      _kmeans(2, initial_clusters='random').train(batches(2, 2, 2, 3))


@pytest.mark.slow
class LogicalDevicesTest(tf.test.TestCase):

  def test_score_is_equal_on_any_number_of_logical_cpus(self):
    result = running.run_forked('-m', 'tests.distribution.logical_devices')
    self.assertEqual(result.status, 0, result.err)
    one, two, four = map(float, result.out.split()[-3:])
    self.assertAllClose([two, four], [one, one], 1e-4)


if __name__ == '__main__':
  tf.test.main()
