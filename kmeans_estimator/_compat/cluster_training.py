# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an Estimator with a `tf.distribute.Strategy` on a cluster.

RunConfig, Estimator and `train_and_evaluate` delegate this to the module
`tensorflow.python.distribute.estimator_training`, which TensorFlow 2.16
removed. `build` makes a module with the five functions that they call.
"""

import copy
import types

import tensorflow as tf
from tensorflow.python.distribute import distribute_coordinator
from tensorflow.python.distribute import distribute_coordinator_context
from tensorflow.python.distribute import multi_worker_util

_CoordinatorMode = distribute_coordinator.CoordinatorMode


def build(name: str) -> types.ModuleType:
  """Builds a replacement for TensorFlow's `estimator_training`.

  Args:
    name: the module's full name.
  """
  module = types.ModuleType(name, 'Estimator over tf.distribute strategies.')
  vars(module).update(
      init_run_config=_init_run_config,
      should_run_distribute_coordinator=_should_run_distribute_coordinator,
      train_and_evaluate=_train_and_evaluate,
      estimator_train=_estimator_train,
      estimator_evaluate=_estimator_evaluate,
  )
  return module


def _init_run_config(config, tf_config):
  """Sets the cluster and the strategies of a new `RunConfig`."""
  _take_from_experimental_distribute(config, 'train_distribute')
  _take_from_experimental_distribute(config, 'eval_distribute')
  cluster = tf.train.ClusterSpec(tf_config.get('cluster', {}))
  remote = getattr(config._experimental_distribute, 'remote_cluster', None)

  mode = None
  if config.train_distribute and remote:
    if cluster:
      raise ValueError(
          '`experimental_distribute.remote_cluster` is set, and TF_CONFIG has '
          'a "cluster". Remove one of the two.'
      )
    mode, cluster = _CoordinatorMode.STANDALONE_CLIENT, remote
  elif config.train_distribute and cluster and 'master' not in cluster.jobs:
    mode = _CoordinatorMode.INDEPENDENT_WORKER

  config._distribute_coordinator_mode = mode
  if mode is None:
    config._init_distributed_setting_from_environment_var(tf_config)
    config._maybe_overwrite_session_config_for_distributed_training()
  else:
    # Each task learns its own role later, from the coordinator.
    config._init_distributed_setting_from_environment_var({})
    config._cluster_spec = cluster
    tf.compat.v1.logging.info('Using the distribute coordinator: %s.', mode)


def _take_from_experimental_distribute(config, name):
  """Moves a strategy from `experimental_distribute` to the attribute `name`."""
  given = getattr(config._experimental_distribute, name, None)
  if not given:
    return
  if getattr(config, name):
    raise ValueError(
        f'`{name}` and `experimental_distribute.{name}` are both set; set one.'
    )
  setattr(config, '_' + name, given)


def _should_run_distribute_coordinator(config):
  """Returns whether `train_and_evaluate` uses the coordinator."""
  if not getattr(config, '_distribute_coordinator_mode', None):
    return False
  if not config.cluster_spec:
    tf.compat.v1.logging.warning(
        'RunConfig has no cluster: `train_and_evaluate` runs locally.'
    )
    return False
  return True


def _train_and_evaluate(estimator, train_spec, eval_spec, executor_cls):
  """Runs `tf.estimator.train_and_evaluate` as a task of a cluster."""
  config = estimator._config
  mode = _mode_of(config)
  standalone = mode == _CoordinatorMode.STANDALONE_CLIENT

  def train(strategy):
    local, context = _estimator_of_task(estimator, 'train', strategy)
    # In standalone mode one client drives all workers. Each worker has its own
    # graph, and a hook belongs to one graph.
    hooks = train_spec.hooks if context.is_chief or not standalone else ()
    local.train(
        train_spec.input_fn, hooks=list(hooks), max_steps=train_spec.max_steps
    )

  def evaluate(strategy):
    local, _ = _estimator_of_task(estimator, 'eval', strategy)
    executor = executor_cls(local, train_spec, eval_spec)
    executor._start_continuous_evaluation()

  distribute_coordinator.run_distribute_coordinator(
      train,
      config.train_distribute,
      evaluate,
      config.eval_distribute,
      mode=mode,
      # An independent worker reads the cluster from TF_CONFIG.
      cluster_spec=config.cluster_spec if standalone else None,
      session_config=config.session_config,
  )


def _estimator_train(estimator, train_distributed_fn, hooks):
  """Runs `Estimator.train` on a remote cluster."""

  def train(local, strategy, task_hooks):
    train_distributed_fn(local, strategy, task_hooks)
    return local

  return _run_from_client(estimator, 'train', train, hooks)


def _estimator_evaluate(estimator, evaluate_distributed_fn, hooks):
  """Runs `Estimator.evaluate` on a remote cluster."""
  return _run_from_client(estimator, 'eval', evaluate_distributed_fn, hooks)


def _run_from_client(estimator, job, run, hooks):
  """Runs one method of an estimator as the only client of a remote cluster."""
  config = estimator._config
  method = {'train': 'train', 'eval': 'evaluate'}[job]
  strategy = getattr(config, f'{job}_distribute')
  mode = _mode_of(config)
  if mode != _CoordinatorMode.STANDALONE_CLIENT:
    raise ValueError(
        f'`Estimator.{method}` cannot run as one task of the cluster in '
        'TF_CONFIG; call `train_and_evaluate` in every task instead.'
    )
  if strategy is None:
    raise ValueError(
        f'`Estimator.{method}` on a remote cluster needs `{job}_distribute` in '
        'RunConfig; it is None.'
    )
  if strategy.extended.experimental_between_graph:
    raise ValueError(
        f'`Estimator.{method}` on a remote cluster cannot use '
        f'{type(strategy).__name__}, which builds a graph in every worker; '
        'call `train_and_evaluate` instead.'
    )
  cluster = multi_worker_util.normalize_cluster_spec(config.cluster_spec)
  if 'evaluator' in cluster.jobs:
    raise ValueError(
        f'`Estimator.{method}` has no use for the "evaluator" job of the '
        'cluster. Call `train_and_evaluate`, or remove the job from the '
        'cluster.'
    )

  def run_task(task_strategy):
    local, context = _estimator_of_task(estimator, job, task_strategy)
    return run(local, task_strategy, hooks if context.is_chief else [])

  return distribute_coordinator.run_distribute_coordinator(
      run_task,
      strategy,
      mode=mode,
      cluster_spec=cluster,
      session_config=config.session_config,
  )


def _estimator_of_task(estimator, job, strategy):
  """Returns a copy of `estimator` for the task that runs now, and its context.

  Args:
    estimator: the user's `Estimator`.
    job: 'train' or 'eval'.
    strategy: the strategy as the coordinator configured it for this task.
  """
  context = distribute_coordinator_context.get_current_worker_context()
  local = copy.deepcopy(estimator)
  setattr(local, f'_{job}_distribution', strategy)
  # The property `config` would return a copy.
  config = local._config
  setattr(config, f'_{job}_distribute', strategy)
  # Without a mode, train and evaluate do not enter the coordinator again.
  config._distribute_coordinator_mode = None
  _adopt_role(config, context)
  return local, context


def _adopt_role(config, context):
  """Gives a `RunConfig` the role that a worker context describes."""
  for name, value in _role(context).items():
    setattr(config, '_' + name, value)


def _role(context):
  """Returns the attributes of `RunConfig` that a worker context determines."""
  cluster = context.cluster_spec
  role = dict(
      service=None,
      cluster_spec=cluster,
      task_type=context.task_type,
      task_id=context.task_id,
      master=context.master_target,
      evaluation_master=context.master_target,
      is_chief=context.is_chief,
      num_ps_replicas=0,
      num_worker_replicas=1,
      global_id_in_cluster=0,
  )
  if not cluster:
    return role
  if context.task_type == 'evaluator':
    # The evaluator is not part of the training cluster.
    return dict(
        role,
        cluster_spec=tf.train.ClusterSpec({}),
        num_worker_replicas=0,
        global_id_in_cluster=None,
    )
  size = {job: cluster.num_tasks(job) for job in cluster.jobs}
  return dict(
      role,
      num_ps_replicas=size.get('ps', 0),
      num_worker_replicas=size.get('worker', 0) + size.get('chief', 0),
      global_id_in_cluster=_global_id(size, context.task_type, context.task_id),
  )


def _global_id(size, task_type, task_id):
  """Numbers all tasks of a cluster: the chief first, parameter servers last.

  Args:
    size: number of tasks of each job.
    task_type: job of the task; None or '' for the client of a remote cluster.
    task_id: index of the task in its job.
  """
  if not task_type:
    return 0
  order = sorted(size, key=lambda job: (job != 'chief', job == 'ps', job))
  return task_id + sum(size[job] for job in order[: order.index(task_type)])


def _mode_of(config):
  mode = getattr(config, '_distribute_coordinator_mode', None)
  if not mode:
    raise ValueError(
        'RunConfig describes no cluster for the distribute coordinator. Set '
        '`train_distribute`, and describe the cluster in TF_CONFIG.'
    )
  return mode
