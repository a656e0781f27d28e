# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of `_tensorflow_compat`.

TensorFlow 2.13 to 2.15 have their own `estimator_training`. There the tests run
with it as well as with ours, so that it vouches for what they expect.
"""

import collections
import contextlib
import importlib
import json
import logging
import os
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from kmeans_estimator import _tensorflow_compat
from kmeans_estimator import estimator
from tests import running
from tests.distribution import processes

_NAME = 'tensorflow.python.distribute.estimator_training'
_OURS = _tensorflow_compat._build_estimator_training(_NAME)
_INSTALLED = importlib.import_module(_NAME)
_IMPLEMENTATIONS = (
    ('ours', _OURS),
    # The same again where TensorFlow has none of its own.
    ('installed', _INSTALLED),
)
_HAS_ITS_OWN = getattr(_INSTALLED, '__file__', None) is not None

_Distribute = collections.namedtuple(
    '_Distribute', 'train_distribute eval_distribute remote_cluster'
)


class InstallTest(tf.test.TestCase, parameterized.TestCase):

  def test_supplies_only_what_tensorflow_lacks(self):
    release = tuple(int(part) for part in tf.__version__.split('.')[:2])
    self.assertEqual(_HAS_ITS_OWN, release < (2, 16))
    for name in _tensorflow_compat._SUPPLIED_MODULES:
      module = sys.modules.get(name)
      if module is not None and getattr(module, '__file__', None) is None:
        # Nothing of that name lies in TensorFlow's folder.
        path = os.path.join(
            os.path.dirname(tf.__file__), *name.split('.')[1:]
        )
        self.assertFalse(os.path.exists(path + '.py'), name)

  def test_twice_changes_nothing(self):
    before = {
        name: sys.modules.get(name)
        for name in _tensorflow_compat._SUPPLIED_MODULES
    }
    filters = list(tf.get_logger().filters)
    _tensorflow_compat.install()
    self.assertEqual(
        before, {name: sys.modules.get(name) for name in before}
    )
    self.assertEqual(filters, tf.get_logger().filters)

  @parameterized.parameters('2.13.0', '2.16.2', '2.21.0', '2.21.0-rc1')
  def test_accepts_version(self, version):
    _tensorflow_compat.check_version(version)

  @parameterized.parameters('1.15.5', '2.12.1', '2.22.0', '3.0.0')
  def test_refuses_version(self, version):
    with mock.patch.object(tf, '__version__', version):
      with self.assertRaisesRegex(
          ImportError, rf'TensorFlow 2\.13 to 2\.21; found TensorFlow {version}'
      ):
        _tensorflow_compat.install()

  @parameterized.parameters(
      ('2.13.1', '2.13.*'), ('2.15.0', '2.15.*'), ('2.21.0', '2.15.*')
  )
  def test_says_how_to_install_tensorflow_estimator(self, version, wanted):
    with mock.patch.object(tf, '__version__', version), mock.patch.object(
        importlib.util, 'find_spec', return_value=None
    ):
      with self.assertRaises(ImportError) as raised:
        _tensorflow_compat.install()
    self.assertIn(
        f'python -m pip install "tensorflow-estimator=={wanted}"',
        str(raised.exception),
    )

  def test_import_fails_clearly(self):
    result = running.run(
        '-c',
        'import tensorflow as tf; tf.__version__ = "2.12.0"\n'
        'from kmeans_estimator import KMeans',
    )
    self.assertEqual(result.status, 1)
    self.assertEndsWith(
        result.err.strip(),
        'ImportError: kmeans_estimator works with TensorFlow 2.13 to 2.21; '
        'found TensorFlow 2.12.0.',
    )

  def test_graph_can_be_written_as_text(self):
    # TensorFlow 2.20 cannot beside protobuf 7, and Estimator does it each time.
    with tf.Graph().as_default() as graph:
      tf.constant(0.1, name='tenth')
    directory = self.get_temp_dir()
    path = tf.io.write_graph(graph, directory, 'graph.pbtxt')
    with open(path, encoding='utf-8') as f:
      self.assertIn('name: "tenth"', f.read())

  def test_drops_only_useless_deprecations(self):
    inside = os.path.join(os.path.dirname(tf.__file__), 'python', 'x.py:3')
    old = 'From %s: %s (from %s) is deprecated and will be removed %s.\n%s'
    renamed = 'From %s: The name %s is deprecated. Please use %s instead.\n'
    dropped = [
        (old, 'user.py:1', 'Estimator', 'm', 'later', 'Use tf.keras instead.'),
        (old, inside, 'get_checkpoint_mtimes', 'm', 'later', 'Use files.'),
        (renamed, 'user.py:1', 'tf.estimator.inputs', 'tf.compat.v1.e'),
    ]
    kept = [
        (old, 'user.py:1', 'limit_epochs', 'm', 'later', 'Use tf.data.'),
        (renamed, 'user.py:1', 'tf.placeholder', 'tf.compat.v1.placeholder'),
        ('Loss for final step: %s.', 1.0),
        ('100% done',),
        ('%s is deprecated', 'x'),
        ('%(name)s is deprecated', {'name': 'x'}),
    ]
    with self.assertLogs(tf.get_logger(), logging.WARNING) as logs:
      for message, *args in dropped + kept:
        tf.get_logger().warning(message, *args)
    self.assertEqual([record.msg for record in logs.records],
                     [message for message, *_ in kept])

  def test_tpu_embeddings_say_that_they_are_gone(self):
    name = 'tensorflow.python.tpu.tpu_embedding'
    module = _tensorflow_compat._build_tpu_embedding(name)
    with self.assertRaisesRegex(
        NotImplementedError, rf'{tf.__version__} removed {name}.AdamParameters'
    ):
      module.AdamParameters(0.1)


@contextlib.contextmanager
def _use(implementation, tf_config=None):
  """Makes Estimator ask `implementation`, in an environment with TF_CONFIG."""
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
  # All that MirroredStrategy does in one graph for several machines.
  return tf.distribute.MirroredStrategy(
      cross_device_ops=tf.distribute.ReductionToOneDevice()
  )


def _parameter_servers():
  # Not the cluster itself, which would be waited for.
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

  def test_experimental_distribute(self, implementation):
    train, evaluate = _one_cpu(), _one_cpu()
    with _use(implementation):
      config = estimator.RunConfig(
          experimental_distribute=_Distribute(train, evaluate, None)
      )
    self.assertIs(config.train_distribute, train)
    self.assertIs(config.eval_distribute, evaluate)

  def test_remote_cluster(self, implementation):
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
  """A model that sums up its input; runs under any strategy."""
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

  def test_one_device(self, implementation):
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

  def test_train_and_evaluate(self, implementation):
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

  def test_remote_workers(self, implementation):
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
from tests import tensorflow_compat_test as this

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
  """Writes down that it has seen a session."""

  def after_create_session(self, session, coord):
    print('variables', [v.op.name for v in tf.compat.v1.global_variables()])


class ClusterTest(tf.test.TestCase):

  def test_chief_trains_and_evaluator_evaluates(self):
    chief, evaluator = processes.free_addresses(2)
    model_dir = self.get_temp_dir()
    for task_type in 'chief', 'evaluator':
      result = running.run(
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
  """What a task of a cluster is told to be."""

  def test_cluster(self, implementation):
    # The cluster in the documentation of RunConfig.global_id_in_cluster.
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

  def test_without_cluster(self, implementation):
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
  # As TensorFlow's own module names it.
  settle = getattr(
      implementation,
      '_init_run_config_from_worker_context',
      _tensorflow_compat._adopt_role,
  )
  settle(config, context)
  return config


if __name__ == '__main__':
  tf.test.main()
