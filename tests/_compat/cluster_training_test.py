# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.cluster_training.

TensorFlow 2.13 to 2.15 contain the module `estimator_training`. With these
versions the tests run with both modules, so that TensorFlow's module confirms
the expected results.
"""

import collections
import contextlib
import importlib
import json
import os
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest
import tensorflow as tf

from kmeans_estimator import estimator
from kmeans_estimator._compat import cluster_training
from tests.distribution import processes
from tests.helpers import running

_NAME = 'tensorflow.python.distribute.estimator_training'
_OURS = cluster_training.build(_NAME)
_INSTALLED = importlib.import_module(_NAME)
_IMPLEMENTATIONS = (
    ('ours', _OURS),
    # TensorFlow's module, or ours again if TensorFlow has no such module.
    ('installed', _INSTALLED),
)

_Distribute = collections.namedtuple(
    '_Distribute', 'train_distribute eval_distribute remote_cluster'
)


@contextlib.contextmanager
def _use(implementation, tf_config=None):
  """Makes Estimator use `implementation` in an environment with TF_CONFIG."""
  estimator_package = 'tensorflow_estimator.python.estimator'
  variable = 'distribute_coordinator_training'
  environment = {'TF_CONFIG': json.dumps(tf_config)} if tf_config else {}
  with contextlib.ExitStack() as stack:
    for name in 'run_config', 'estimator', 'training':
      module = importlib.import_module(f'{estimator_package}.{name}')
      stack.enter_context(
          mock.patch.object(module, variable, implementation)
      )
    stack.enter_context(mock.patch.dict(os.environ, environment))
    yield


def _cluster(task_type, index, **jobs):
  return {
      'cluster': {
          job: [f'{job}{i}:2222' for i in range(n)] for job, n in jobs.items()
      },
      'task': {'type': task_type, 'index': index},
  }


def _mode(config):
  return config._distribute_coordinator_mode


def _one_cpu():
  return tf.distribute.MirroredStrategy(['/cpu:0'])


def _reducing_to_one():
  # The only reduction of MirroredStrategy in one graph for several machines.
  return tf.distribute.MirroredStrategy(
      cross_device_ops=tf.distribute.ReductionToOneDevice()
  )


def _parameter_servers():
  # A real strategy would wait for the tasks of the cluster.
  return mock.create_autospec(
      tf.compat.v1.distribute.experimental.ParameterServerStrategy,
      instance=True,
  )


@parameterized.named_parameters(*_IMPLEMENTATIONS)
class RunConfigTest(absltest.TestCase):

  def test_without_cluster_runs_locally(self, implementation):
    with _use(implementation):
      config = estimator.RunConfig(train_distribute=_one_cpu())
    self.assertIsNone(_mode(config))
    self.assertTrue(config.is_chief)
    self.assertEqual(config.num_worker_replicas, 1)
    self.assertEqual(config.task_type, 'worker')
    self.assertFalse(config.cluster_spec)

  def test_each_task_of_a_cluster_coordinates_itself(self, implementation):
    with _use(
        implementation, _cluster('worker', 1, chief=1, worker=2, ps=1)
    ):
      config = estimator.RunConfig(train_distribute=_parameter_servers())
    self.assertEqual(_mode(config), 'independent_worker')
    self.assertEqual(
        config.cluster_spec.as_dict(),
        {
            'chief': ['chief0:2222'],
            'worker': ['worker0:2222', 'worker1:2222'],
            'ps': ['ps0:2222'],
        },
    )

  def test_only_a_train_strategy_coordinates(self, implementation):
    with _use(implementation, _cluster('worker', 1, chief=1, worker=2)):
      config = estimator.RunConfig(eval_distribute=_one_cpu())
    self.assertIsNone(_mode(config))
    self.assertEqual(config.task_type, 'worker')
    self.assertEqual(config.task_id, 1)
    self.assertEqual(config.num_worker_replicas, 3)
    self.assertEqual(config.global_id_in_cluster, 2)
    self.assertIsNotNone(config.session_config)

  def test_cluster_with_master_does_not_coordinate(self, implementation):
    with _use(implementation, _cluster('master', 0, master=1, worker=1)):
      config = estimator.RunConfig(train_distribute=_one_cpu())
    self.assertIsNone(_mode(config))
    self.assertTrue(config.is_chief)
    self.assertEqual(config.task_type, 'master')

  def test_experimental_distribute_sets_both_strategies(self, implementation):
    train, evaluate = _one_cpu(), _one_cpu()
    with _use(implementation):
      config = estimator.RunConfig(
          experimental_distribute=_Distribute(train, evaluate, None)
      )
    self.assertIs(config.train_distribute, train)
    self.assertIs(config.eval_distribute, evaluate)

  def test_remote_cluster_is_driven_by_one_client(self, implementation):
    remote = tf.train.ClusterSpec({'worker': ['a:1', 'b:1']})
    with _use(implementation):
      config = estimator.RunConfig(
          experimental_distribute=_Distribute(_one_cpu(), None, remote)
      )
    self.assertEqual(_mode(config), 'standalone_client')
    self.assertEqual(config.cluster_spec, remote)

  def test_refuses_two_train_strategies(self, implementation):
    with _use(implementation):
      with self.assertRaisesRegex(
          ValueError, 'experimental_distribute.train_distribute'
      ):
        estimator.RunConfig(
            train_distribute=_one_cpu(),
            experimental_distribute=_Distribute(_one_cpu(), None, None),
        )

  def test_refuses_two_eval_strategies(self, implementation):
    with _use(implementation):
      with self.assertRaisesRegex(
          ValueError, 'experimental_distribute.eval_distribute'
      ):
        estimator.RunConfig(
            eval_distribute=_one_cpu(),
            experimental_distribute=_Distribute(None, _one_cpu(), None),
        )

  def test_refuses_two_clusters(self, implementation):
    remote = tf.train.ClusterSpec({'worker': ['a:1']})
    with _use(implementation, _cluster('worker', 0, chief=1, worker=1)):
      with self.assertRaisesRegex(ValueError, 'remote_cluster'):
        estimator.RunConfig(
            experimental_distribute=_Distribute(_one_cpu(), None, remote)
        )


def _count_batches(features, labels, mode):
  """A model function that sums its input, under any strategy."""
  del labels
  total = tf.compat.v1.get_variable(
      'total',
      [],
      initializer=tf.compat.v1.zeros_initializer(),
      aggregation=tf.VariableAggregation.SUM,
      use_resource=True,
  )
  loss = tf.reduce_sum(features)
  step = tf.compat.v1.train.get_or_create_global_step()
  return estimator.EstimatorSpec(
      mode,
      predictions={'y': features},
      loss=loss,
      train_op=tf.group(total.assign_add(loss), step.assign_add(1)),
  )


def _ones():
  return tf.data.Dataset.from_tensors(tf.ones([2])).repeat()


@parameterized.named_parameters(*_IMPLEMENTATIONS)
class TrainTest(tf.test.TestCase):

  def test_trains_and_evaluates_under_one_device_strategy(self, implementation):
    with _use(implementation):
      model = estimator.Estimator(
          _count_batches,
          self.get_temp_dir(),
          estimator.RunConfig(
              train_distribute=_one_cpu(), eval_distribute=_one_cpu()
          ),
      )
      model.train(_ones, steps=3)
      metrics = model.evaluate(_ones, steps=2)
    self.assertEqual(model.get_variable_value('total'), 6)
    self.assertEqual(metrics['global_step'], 3)

  def test_train_and_evaluate_trains_to_the_last_step(self, implementation):
    with _use(implementation):
      model = estimator.Estimator(
          _count_batches,
          self.get_temp_dir(),
          estimator.RunConfig(
              train_distribute=_one_cpu(), save_checkpoints_steps=2
          ),
      )
      metrics, _ = estimator.train_and_evaluate(
          model,
          estimator.TrainSpec(_ones, max_steps=4),
          estimator.EvalSpec(_ones, steps=1),
      )
    self.assertEqual(metrics['global_step'], 4)
    self.assertEqual(metrics['loss'], 2)

  def test_trains_on_remote_workers(self, implementation):
    remote = tf.train.ClusterSpec({'worker': processes.free_addresses(2)})
    servers = [
        tf.distribute.Server(remote, job_name='worker', task_index=i)
        for i in range(2)
    ]
    with _use(implementation):
      model = estimator.Estimator(
          _count_batches,
          self.get_temp_dir(),
          estimator.RunConfig(
              experimental_distribute=_Distribute(
                  _reducing_to_one(), _reducing_to_one(), remote
              )
          ),
      )
      model.train(_ones, steps=3)
      metrics = model.evaluate(_ones, steps=1)
    self.assertEqual(model.get_variable_value('total'), 3 * len(servers) * 2)
    self.assertEqual(metrics['loss'], 2)

  def test_train_cannot_be_a_task_of_a_cluster(self, implementation):
    with _use(implementation, _cluster('chief', 0, chief=1, worker=1)):
      model = estimator.Estimator(
          _count_batches,
          self.get_temp_dir(),
          estimator.RunConfig(train_distribute=_one_cpu()),
      )
      with self.assertRaises(ValueError):
        model.train(_ones, steps=1)


_TASK_OF_A_CLUSTER = """
import sys
import tensorflow as tf
from kmeans_estimator import estimator
from tests._compat import cluster_training_test as this

# Asked for by MultiWorkerMirroredStrategy in Estimators.
tf.compat.v1.disable_eager_execution()
with this._use(this._OURS):
  model = estimator.Estimator(
      this._count_batches,
      sys.argv[1],
      estimator.RunConfig(
          train_distribute=tf.distribute.MultiWorkerMirroredStrategy()
      ),
  )
  estimator.train_and_evaluate(
      model,
      estimator.TrainSpec(this._ones, max_steps=4, hooks=[this._Says()]),
      estimator.EvalSpec(
          this._ones,
          steps=1,
          hooks=[this._Says()],
          start_delay_secs=0,
          throttle_secs=0,
      ),
  )
"""


class _Says(estimator.SessionRunHook):
  """Records that its session was created."""

  def after_create_session(self, session, coord):
    print('variables', [v.op.name for v in tf.compat.v1.global_variables()])


@pytest.mark.slow
class ClusterTest(tf.test.TestCase):

  def test_chief_trains_and_evaluator_evaluates(self):
    chief, evaluator = processes.free_addresses(2)
    model_dir = self.get_temp_dir()
    for task_type in 'chief', 'evaluator':
      result = running.run_forked(
          '-c',
          _TASK_OF_A_CLUSTER,
          model_dir,
          TF_CONFIG=json.dumps({
              'cluster': {'chief': [chief], 'evaluator': [evaluator]},
              'task': {'type': task_type, 'index': 0},
          }),
      )
      self.assertEqual(result.status, 0, result.err)
      self.assertIn('total', result.out)
    reader = tf.train.load_checkpoint(model_dir)
    self.assertEqual(reader.get_tensor('total'), 8)
    (events,) = tf.io.gfile.glob(os.path.join(model_dir, 'eval', '*'))
    losses = {
        event.step: value.simple_value
        for event in tf.compat.v1.train.summary_iterator(events)
        for value in event.summary.value
        if value.tag == 'loss'
    }
    self.assertEqual(losses, {4: 2})


@parameterized.named_parameters(*_IMPLEMENTATIONS)
class RoleTest(absltest.TestCase):
  """Tests the role of a task that RunConfig describes."""

  def test_task_gets_its_role_in_the_cluster(self, implementation):
    # The example cluster in the documentation of
    # RunConfig.global_id_in_cluster.
    for (task_type, task_id), global_id in {
        ('chief', 0): 0,
        ('worker', 0): 1,
        ('worker', 1): 2,
        ('worker', 2): 3,
        ('ps', 0): 4,
        ('ps', 1): 5,
        (None, None): 0,
    }.items():
      config = _config_of_task(
          implementation, task_type, task_id, chief=1, ps=2, worker=3
      )
      self.assertEqual(config._global_id_in_cluster, global_id, task_type)
      self.assertEqual(config._task_type, task_type)
      self.assertEqual(config._task_id, task_id)
      self.assertEqual(config._num_ps_replicas, 2)
      self.assertEqual(config._num_worker_replicas, 4)
      self.assertEqual(config._master, 'grpc://somewhere')
      self.assertEqual(config._evaluation_master, 'grpc://somewhere')
      self.assertEqual(config._is_chief, task_type == 'chief')
      self.assertCountEqual(
          config._cluster_spec.jobs, ['chief', 'ps', 'worker']
      )
      self.assertIsNone(config._service)

  def test_evaluator_knows_no_cluster(self, implementation):
    config = _config_of_task(
        implementation, 'evaluator', 0, chief=1, evaluator=1, ps=1
    )
    self.assertFalse(config._cluster_spec)
    self.assertIsNone(config._global_id_in_cluster)
    self.assertEqual(config._num_worker_replicas, 0)
    self.assertEqual(config._num_ps_replicas, 0)

  def test_task_without_a_cluster_is_the_only_worker(self, implementation):
    config = _config_of_task(implementation, 'worker', 0)
    self.assertEqual(config._num_worker_replicas, 1)
    self.assertEqual(config._num_ps_replicas, 0)
    self.assertEqual(config._global_id_in_cluster, 0)


def _config_of_task(implementation, task_type, task_id, **jobs):
  config = mock.Mock(spec=[])
  context = mock.Mock(
      cluster_spec=tf.train.ClusterSpec(
          _cluster(task_type, task_id, **jobs)['cluster']
      ),
      task_type=task_type,
      task_id=task_id,
      master_target='grpc://somewhere',
      is_chief=task_type == 'chief',
  )
  # The name of the function in TensorFlow's module.
  settle = getattr(
      implementation,
      '_init_run_config_from_worker_context',
      cluster_training._adopt_role,
  )
  settle(config, context)
  return config


if __name__ == '__main__':
  tf.test.main()
