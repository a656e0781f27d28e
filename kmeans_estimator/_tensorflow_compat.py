# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The one place that knows TensorFlow's versions.

TensorFlow took Estimator out in 2.16. The package tensorflow-estimator 2.15
still installs beside later releases, and works once the few private names that
it imports from TensorFlow are there again. `install` supplies those names,
each only where it is missing.
"""

import copy
import functools
import importlib
import importlib.util
import inspect
import json
import logging
import os
import re
import sys
import types
from typing import Any, Dict, List

import tensorflow as tf

_OLDEST = (2, 13)
_NEWEST = (2, 21)
_SHOWS_ESTIMATOR = re.compile(
    r'tensorflow|tensorflow(\._api\.v2)?(\.compat\.v[12])+'
)


def install() -> None:
  """Makes `tensorflow_estimator` importable beside the installed TensorFlow.

  Supplies what TensorFlow 2.16 and later lack and nothing else; on 2.13 to 2.15
  nothing is missing. On all of them TensorFlow's logger then drops deprecation
  warnings that the user of an Estimator cannot heed. May be called any number
  of times.

  Raises:
    ImportError: TensorFlow is older than 2.13 or newer than 2.21, or
      tensorflow-estimator is not installed.
  """
  check_version(tf.__version__)
  if importlib.util.find_spec('tensorflow_estimator') is None:
    raise ImportError(
        'kmeans_estimator needs the package tensorflow-estimator, which is not '
        'installed. Install it with: python -m pip install '
        f'"tensorflow-estimator=={_estimator_release(tf.__version__)}.*"'
    )
  tf.get_logger().addFilter(_useless_deprecations())
  _supply_export_names()
  _supply_float_format()
  for name, build in _SUPPLIED_MODULES.items():
    if importlib.util.find_spec(name) is None:
      module = build(name)
      module.__spec__ = importlib.util.spec_from_loader(name, loader=None)
      sys.modules[name] = module
      parent, _, child = name.rpartition('.')
      setattr(importlib.import_module(parent), child, module)


def check_version(version: str) -> None:
  """Refuses a TensorFlow that this package was not written for.

  Args:
    version: `tf.__version__`.

  Raises:
    ImportError: `version` is outside the supported range.
  """
  if not _OLDEST <= _release(version) <= _NEWEST:
    raise ImportError(
        'kmeans_estimator works with TensorFlow '
        f'{_dotted(_OLDEST)} to {_dotted(_NEWEST)}; found TensorFlow {version}.'
    )


def check_tf_config() -> None:
  """Refuses a TF_CONFIG that says nothing.

  What it says is checked by those who use it.

  Raises:
    ValueError: TF_CONFIG is no JSON object, or its parts are none.
  """
  text = os.environ.get('TF_CONFIG')
  if not text:
    return
  try:
    tf_config = json.loads(text)
    problem = 'it is not an object'
  except json.JSONDecodeError as error:
    tf_config, problem = None, f'it is not JSON: {error}'
  if isinstance(tf_config, dict):
    parts = [
        part
        for part in ('cluster', 'task')
        if not isinstance(tf_config.get(part, {}), dict)
    ]
    if not parts:
      return
    problem = f'its {parts[0]!r} is not an object'
  raise ValueError(
      'The environment variable TF_CONFIG must be JSON like {"cluster": '
      '{"chief": ["host:port"], ...}, "task": {"type": "chief", "index": 0}}, '
      f'but {problem}. Got: {text!r}.'
  )


def tensorflow_has_estimator() -> bool:
  """Whether Estimator is part of the installed TensorFlow as published."""
  return _release(tf.__version__) < (2, 16)


def estimator_api(version: str) -> types.ModuleType:
  """Returns the namespace that TensorFlow 2.15 shows as its Estimator API.

  Args:
    version: 'v1' for `tf.compat.v1.estimator`, 'v2' for `tf.estimator`.
  """
  return importlib.import_module(
      f'tensorflow_estimator.python.estimator.api._{version}.estimator'
  )


def restore_estimator_apis() -> List[types.ModuleType]:
  """Makes both Estimator APIs part of `tf` again where TensorFlow dropped them.

  Returns:
    All modules that `tf` and import statements find under the names that the
    APIs have in TensorFlow 2.15.
  """
  apis = {version: estimator_api(version) for version in ('v1', 'v2')}
  # Left alone, `import tensorflow.compat.v1` would make a second copy of the
  # module later on, one without an `estimator`.
  sys.modules.setdefault('tensorflow.compat', tf.compat)
  for version in apis:
    sys.modules.setdefault(
        f'tensorflow.compat.{version}', getattr(tf.compat, version)
    )
  found = list(apis.values())
  for name, owner in list(sys.modules.items()):
    if _SHOWS_ESTIMATOR.fullmatch(name):
      api = apis['v1' if name.endswith('v1') else 'v2']
      if not hasattr(owner, 'estimator'):
        owner.estimator = api
      found.append(_importable(f'{name}.estimator', api))
  return found


def _importable(name, module):
  """Lets `import name` find `module`, if nothing was imported as `name` yet."""
  for child, symbol in public_symbols(module).items():
    if isinstance(symbol, types.ModuleType):
      _importable(f'{name}.{child}', symbol)
  return sys.modules.setdefault(name, module)


def public_symbols(module: types.ModuleType) -> Dict[str, Any]:
  """Returns the public names of an Estimator API module with their values."""
  # Through `vars`: attribute access of TensorFlow's wrapper has side effects.
  return {
      name: symbol
      for name, symbol in vars(module).items()
      if not name.startswith('_')
  }


@functools.lru_cache(maxsize=None)
def _useless_deprecations():
  return _UselessDeprecations()


class _UselessDeprecations(logging.Filter):
  """Drops deprecation warnings that the user of an Estimator cannot heed.

  These are the advice to use Keras instead, which knows no k-means; to write
  `tf.compat.v1.estimator`, where that is what was written; and what goes to
  TensorFlow, tensorflow-estimator and this package themselves.
  """

  def __init__(self):
    super().__init__()
    self._packages = tuple(
        os.path.dirname(importlib.util.find_spec(name).origin) + os.sep
        for name in ('tensorflow', 'tensorflow_estimator', __package__)
    )

  def filter(self, record):
    if 'is deprecated' not in str(record.msg):
      return True
    # Others log here too, with whatever arguments.
    if not isinstance(record.args, tuple) or len(record.args) < 2:
      return True
    place, name, *advice = record.args
    return not (
        advice[-1:] == ['Use tf.keras instead.']
        or str(name).startswith('tf.estimator')
        or str(place).startswith(self._packages)
    )


def _release(version):
  return tuple(int(part) for part in version.split('.')[:2])


def _dotted(release):
  return '.'.join(map(str, release))


def _estimator_release(version):
  # 2.15 is the last one that was published.
  return _dotted(min(_release(version), (2, 15)))


def _supply_export_names():
  from tensorflow.python.util import tf_export

  if hasattr(tf_export, 'ESTIMATOR_API_NAME'):
    return
  name = 'estimator'
  tf_export.ESTIMATOR_API_NAME = name
  for attributes, suffix in (
      (tf_export.API_ATTRS, ''),
      (tf_export.API_ATTRS_V1, '_v1'),
  ):
    attributes[name] = type(attributes[tf_export.TENSORFLOW_API_NAME])(
        f'_{name}_api_names{suffix}', f'_{name}_api_constants{suffix}'
    )


def _supply_float_format():
  """Lets TensorFlow 2.20 write graph.pbtxt, as each `train` does.

  It passes `float_format` to protobuf, and does not keep pip from installing
  protobuf 7, which has no such argument.
  """
  from google.protobuf import text_format
  from tensorflow.python.framework import graph_io

  has = inspect.signature(text_format.MessageToString).parameters
  if 'float_format' in has or _release(tf.__version__) > (2, 20):
    return

  def message_to_string(message, float_format=''):
    del float_format  # '' asks for what is the only format now.
    return text_format.MessageToString(message)

  graph_io.text_format = types.SimpleNamespace(
      MessageToString=message_to_string
  )


# What follows does the work of tensorflow.python.distribute.estimator_training:
# RunConfig, Estimator and train_and_evaluate ask it how a
# `tf.distribute.Strategy` spreads over a cluster.


def _init_run_config(config, tf_config):
  """Settles the cluster and the strategies of a new `RunConfig`."""
  _take_from_experimental_distribute(config, 'train_distribute')
  _take_from_experimental_distribute(config, 'eval_distribute')
  cluster = tf.train.ClusterSpec(tf_config.get('cluster', {}))
  remote = getattr(config._experimental_distribute, 'remote_cluster', None)

  mode = None
  if config.train_distribute and remote:
    if cluster:
      raise ValueError(
          '`experimental_distribute.remote_cluster` is set and TF_CONFIG has a '
          '"cluster" too; only one of them may describe the cluster.'
      )
    mode, cluster = _coordinator().CoordinatorMode.STANDALONE_CLIENT, remote
  elif config.train_distribute and cluster and 'master' not in cluster.jobs:
    mode = _coordinator().CoordinatorMode.INDEPENDENT_WORKER

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
  """Moves a strategy from `experimental_distribute` to where it is used."""
  given = getattr(config._experimental_distribute, name, None)
  if not given:
    return
  if getattr(config, name):
    raise ValueError(
        f'`{name}` and `experimental_distribute.{name}` are both set; set one.'
    )
  setattr(config, '_' + name, given)


def _should_run_distribute_coordinator(config):
  """Whether `train_and_evaluate` goes through the coordinator."""
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
  standalone = mode == _coordinator().CoordinatorMode.STANDALONE_CLIENT

  def train(strategy):
    local, context = _estimator_of_task(estimator, 'train', strategy)
    # One client drives all workers in standalone mode, each with a graph of its
    # own, and a hook belongs to one graph.
    hooks = train_spec.hooks if context.is_chief or not standalone else ()
    local.train(
        train_spec.input_fn, hooks=list(hooks), max_steps=train_spec.max_steps
    )

  def evaluate(strategy):
    local, _ = _estimator_of_task(estimator, 'eval', strategy)
    executor = executor_cls(local, train_spec, eval_spec)
    executor._start_continuous_evaluation()

  _coordinator().run_distribute_coordinator(
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
  from tensorflow.python.distribute import multi_worker_util

  config = estimator._config
  method = {'train': 'train', 'eval': 'evaluate'}[job]
  strategy = getattr(config, f'{job}_distribute')
  mode = _mode_of(config)
  if mode != _coordinator().CoordinatorMode.STANDALONE_CLIENT:
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
        'cluster; call `train_and_evaluate`, or leave the job out.'
    )

  def run_task(task_strategy):
    local, context = _estimator_of_task(estimator, job, task_strategy)
    return run(local, task_strategy, hooks if context.is_chief else [])

  return _coordinator().run_distribute_coordinator(
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
  from tensorflow.python.distribute import distribute_coordinator_context

  context = distribute_coordinator_context.get_current_worker_context()
  local = copy.deepcopy(estimator)
  setattr(local, f'_{job}_distribution', strategy)
  # The attribute `config` is a copy.
  config = local._config
  setattr(config, f'_{job}_distribute', strategy)
  # Without a mode, train and evaluate do not enter the coordinator again.
  config._distribute_coordinator_mode = None
  _adopt_role(config, context)
  return local, context


def _adopt_role(config, context):
  """Makes a `RunConfig` that of the task which a worker context describes."""
  for name, value in _role(context).items():
    setattr(config, '_' + name, value)


def _role(context):
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
    # The evaluator stands outside the training cluster.
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
        'RunConfig describes no cluster for the distribute coordinator.'
    )
  return mode


def _coordinator():
  from tensorflow.python.distribute import distribute_coordinator

  return distribute_coordinator


def _build_estimator_training(name):
  module = types.ModuleType(name, 'Estimator over tf.distribute strategies.')
  module.init_run_config = _init_run_config
  module.should_run_distribute_coordinator = _should_run_distribute_coordinator
  module.train_and_evaluate = _train_and_evaluate
  module.estimator_train = _estimator_train
  module.estimator_evaluate = _estimator_evaluate
  return module


# TPUEstimator imports the three modules below. TPU embeddings and the watchdog
# went with TensorFlow 2.16's v1 TPU code and have no replacement here: their
# names exist, and say so when they are used.


def _build_tpu_embedding(name):
  module = types.ModuleType(name, 'TPU embeddings, which are gone.')
  for optimizer in (
      'Adagrad',
      'Adam',
      'Ftrl',
      'Momentum',
      'ProximalAdagrad',
      'RMSProp',
      'StochasticGradientDescent',
  ):
    parameters = optimizer + 'Parameters'
    setattr(module, parameters, _gone(f'{name}.{parameters}'))
  return module


def _build_tpu_embedding_gradient(name):
  return types.ModuleType(name, 'Gradients of TPU embeddings, which are gone.')


def _build_session_support(name):
  module = types.ModuleType(name, 'What TPUEstimator does at shutdown.')
  module.GracefulShutdownHook = _NoGracefulShutdown
  for finalizer in ('ShutdownLameWorkers', 'ShutdownAllWorkers',
                    'ResetComputation'):
    setattr(module, finalizer, type(finalizer, (), {}))
  module.start_worker_watchdog = _gone(f'{name}.start_worker_watchdog')
  return module


class _NoGracefulShutdown(tf.compat.v1.train.SessionRunHook):
  """Stands for the hook that saves when a TPU worker is about to go down."""

  def __init__(self, **unused_kwargs):
    super().__init__()

  def begin(self):
    tf.compat.v1.logging.info(
        'TensorFlow %s cannot see a TPU worker shutting down; training goes '
        'on from the last checkpoint after one.',
        tf.__version__,
    )


def _gone(name):
  """Returns a class that cannot be made, in place of something removed."""

  def __init__(self, *unused_args, **unused_kwargs):
    raise NotImplementedError(f'TensorFlow {tf.__version__} removed {name}.')

  return type(name.rpartition('.')[2], (), {'__init__': __init__})


_SUPPLIED_MODULES = {
    'tensorflow.python.distribute.estimator_training': (
        _build_estimator_training
    ),
    'tensorflow.python.tpu.tpu_embedding': _build_tpu_embedding,
    'tensorflow.python.tpu.tpu_embedding_gradient': (
        _build_tpu_embedding_gradient
    ),
    'tensorflow.python.tpu.session_support': _build_session_support,
}
