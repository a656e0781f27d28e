# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Helpers of several tests: the reference, training graphs, inputs, points."""

import functools
import importlib
import inspect
import os
import pathlib
import tempfile
from typing import (
    Any,
    Callable,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from kmeans_estimator import estimator as estimator_lib
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import shortcuts

shortcuts.take()

# The reference: KMeans of TensorFlow and tensorflow-estimator, the oracle of
# the tests.
reference_ops = importlib.import_module('tensorflow.python.ops.clustering_ops')
# TensorFlow's CPU kernels, including those that are not in tf.raw_ops.
kernels = importlib.import_module('tensorflow.python.ops.gen_clustering_ops')
ReferenceKMeans = importlib.import_module(
    'tensorflow_estimator.python.estimator.canned.kmeans'
).KMeansClustering

TESTDATA = str(pathlib.Path(__file__).resolve().parents[1] / 'testdata')

# Maps the attributes of `numpy_model.State` to the variables of a checkpoint.
VARIABLES = {
    'clusters': 'clusters',
    'counts': 'Variable',
    'clusters_updated': 'clusters_updated',
    'update_in_steps': 'update_in_steps',
}


class Inference(NamedTuple):
  """A graph's results for a batch; those of shards are concatenated."""

  all_distances: np.ndarray
  index: np.ndarray
  distance: np.ndarray


class _Parts(NamedTuple):
  """The tensors and ops of a training graph."""

  inputs: List[tf.Tensor]
  inference: Inference
  initialized: tf.Tensor
  init_op: tf.Operation
  training_op: tf.Operation
  global_step: tf.Variable
  variables: Dict[str, tf.Variable]
  saver: Callable[[], tf.compat.v1.train.Saver]
  initial_centers: Optional[tf.Tensor]


def _build_training_graph(kmeans_class, shards, is_list, num_clusters, kwargs):
  inputs = [
      tf.compat.v1.placeholder(shard.dtype, [None, shard.shape[1]])
      for shard in shards
  ]
  global_step = tf.compat.v1.train.create_global_step()
  all_distances, index, distance, initialized, init_op, training_op = (
      kmeans_class(
          inputs if is_list else inputs[0], num_clusters, **kwargs
      ).training_graph()
  )
  return _Parts(
      inputs=inputs,
      inference=Inference(
          *(
              tf.concat(x, 0) if len(x) > 1 else x[0]
              for x in (all_distances, index, distance)
          )
      ),
      initialized=initialized,
      init_op=init_op,
      training_op=training_op,
      global_step=global_step,
      variables={
          variable.op.name: variable
          for variable in tf.compat.v1.global_variables()
      },
      # Few tests save a graph. The saver must delete no checkpoint, because
      # tests share it.
      saver=functools.lru_cache(maxsize=None)(
          functools.partial(tf.compat.v1.train.Saver, max_to_keep=None)
      ),
      initial_centers=_constant_of(kwargs.get('initial_clusters')),
  )


def _constant_of(value):
  """Returns the only constant of the graph with a value; None: there is none.

  A test that feeds other initial centers to it needs no graph of its own.
  """
  if not isinstance(value, np.ndarray):
    return None
  constants = [
      op.outputs[0]
      for op in tf.compat.v1.get_default_graph().get_operations()
      if op.type == 'Const' and op.outputs[0].shape == value.shape
  ]
  constants = [
      constant
      for constant in constants
      if np.array_equal(
          # `tf.get_static_value` would make the constant refuse to be fed.
          tf.make_ndarray(constant.op.get_attr('value')),
          value.astype(constant.dtype.as_numpy_dtype),
      )
  ]
  return constants[0] if len(constants) == 1 else None


def _default_arguments(kmeans_class):
  return {
      parameter.name: parameter.default
      for parameter in inspect.signature(kmeans_class).parameters.values()
      if parameter.default is not parameter.empty
  }


def _key_of_graph(kmeans_class, shards, is_list, num_clusters, kwargs):
  """Returns a key for `sessions.borrow`, which ignores initial centers."""
  kwargs = {**_default_arguments(kmeans_class), **kwargs}
  init = kwargs.get('initial_clusters')
  if isinstance(init, str) and (
      kmeans_class is reference_ops.KMeans or kwargs.get('random_seed') is None
  ):
    # The graph holds a seed, or its session the state of a generator.
    return None
  if isinstance(init, np.ndarray):
    init = (init.dtype.name, init.shape)
  key = (
      kmeans_class,
      tuple((shard.dtype.name, shard.shape[1]) for shard in shards),
      is_list,
      num_clusters,
      *sorted({**kwargs, 'initial_clusters': init}.items()),
  )
  try:
    hash(key)
  except TypeError:  # Some argument is a list or a tensor.
    return None
  return key


class TrainingGraph:
  """A graph built by either implementation's `training_graph`, with a session.

  If `example` is a list, the graph takes its input in as many shards. Tests
  share graphs and sessions. Graphs of another `copy` are equal, but they have
  been built on their own.
  """

  def __init__(
      self,
      kmeans_class: Callable[..., Any],
      example: Union[np.ndarray, Sequence[np.ndarray]],
      num_clusters: int,
      copy: int = 0,
      **kwargs,
  ):
    is_list = isinstance(example, list)
    shards = example if is_list else [example]
    arguments = kmeans_class, shards, is_list, num_clusters, kwargs
    key = _key_of_graph(*arguments)
    if key is not None:
      key = (key, copy)
    build = functools.partial(_build_training_graph, *arguments)
    self.session, self._parts = sessions.borrow(self, key, build)
    self._initial_centers = []
    centers = kwargs.get('initial_clusters')
    if isinstance(centers, np.ndarray):
      constant = self._parts.initial_centers
      if constant is None:
        # The graph may hold the centers of another test.
        self.session, self._parts = sessions.borrow(self, None, build)
      else:
        value = centers.astype(constant.dtype.as_numpy_dtype)
        self._initial_centers = [(constant, value)]

  def _run(self, fetches, batch, feed=()):
    shards = batch if isinstance(batch, list) else [batch]
    return self.session.run(
        fetches, dict([*zip(self._parts.inputs, shards), *feed])
    )

  def initialize(self, batch) -> bool:
    """Runs the init op once; returns whether all centers have been chosen."""
    self._run(self._parts.init_op, batch, self._initial_centers)
    return bool(self.session.run(self._parts.initialized))

  def infer(self, batch) -> Inference:
    return self._run(self._parts.inference, batch)

  def step(self, batch) -> None:
    self._run(self._parts.training_op, batch)

  def infer_and_step(self, batch) -> Inference:
    """Runs a step and the inference of its batch in a single session run.

    Not for the reference, where the two would race.
    """
    return self._run([self._parts.inference, self._parts.training_op], batch)[0]

  def values(self) -> Dict[str, np.ndarray]:
    """Returns the values of all variables by name."""
    return self.session.run(self._parts.variables)

  def assign(self, name: str, value: Any) -> None:
    """Assigns a value to a variable."""
    with self.session.graph.as_default():
      self._parts.variables[name].load(value, self.session)

  def save(self, prefix: str) -> str:
    with self.session.graph.as_default():
      return self._parts.saver().save(
          self.session,
          prefix,
          self.session.run(self._parts.global_step),
          write_meta_graph=False,
      )

  def restore(self, path: str) -> None:
    with self.session.graph.as_default():
      self._parts.saver().restore(self.session, path)


def state_of(
    values: Dict[str, np.ndarray], metric: str, steps_per_iteration
) -> numpy_model.State:
  """Returns the NumPy model that the variables of a checkpoint describe."""
  fields = {
      field: values[name] for field, name in VARIABLES.items() if name in values
  }
  for field in 'clusters', 'clusters_updated':
    if field in fields:
      fields[field] = np.asarray(fields[field], np.float64)
  return numpy_model.State(metric, steps_per_iteration, **fields)


def checkpoint_values(path: str) -> Dict[str, np.ndarray]:
  """Returns all variables of a checkpoint, or of a folder's latest one."""
  reader = tf.train.load_checkpoint(path)
  return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
  }


def cluster_summaries(folder: str) -> Dict[int, Dict[str, Any]]:
  """What a `ClusterSummaryHook` wrote: values by step and tag."""
  found: Dict[int, Dict[str, Any]] = {}
  for name in sorted(os.listdir(folder)):
    if 'tfevents' not in name:
      continue
    path = os.path.join(folder, name)
    for event in tf.compat.v1.train.summary_iterator(path):
      for value in event.summary.value:
        if value.tag.startswith('clusters/'):
          of_step = found.setdefault(event.step, {})
          assert value.tag not in of_step, f'{value.tag} twice at {event.step}'
          of_step[value.tag] = (
              value.histo if value.HasField('histo') else value.simple_value
          )
  return found


def assert_state(
    values: Dict[str, np.ndarray],
    state: numpy_model.State,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
  """Checks that variables are exactly those of the model, with its values."""
  expected = {
      name: getattr(state, field)
      for field, name in VARIABLES.items()
      if getattr(state, field) is not None
  }
  np.testing.assert_equal(
      sorted(values), sorted([*expected, 'global_step', 'initialized'])
  )
  for name, value in expected.items():
    if np.issubdtype(values[name].dtype, np.integer):
      np.testing.assert_array_equal(values[name], value, name)
    else:
      np.testing.assert_allclose(values[name], value, rtol, atol, err_msg=name)


def of_seeds(
    number: int, draw: Callable[[tf.Tensor], tf.Tensor]
) -> np.ndarray:
  """Returns what a function draws for each of the seeds from 0.

  Args:
    number: the number of seeds.
    draw: takes a seed, and returns float32 of the same shape for every seed.
  """
  seeds = tf.range(number, dtype=tf.int64)
  return tf.function(
      lambda: tf.map_fn(draw, seeds, fn_output_signature=tf.float32),
      autograph=False,
  )().numpy()


def plain_and_compiled(
    function: Callable[..., Any], autograph: bool = False
) -> List[Callable[..., Any]]:
  """Returns a function as TensorFlow runs it, and compiled by XLA.

  Both are traced together, once for inputs of each shape.

  Args:
    function: takes and returns tensors.
    autograph: whether AutoGraph converts the function. It reads the source of
      every function that is called, which is slow. Estimators do not use it;
      users may, where they call functions of `clustering_ops`.
  """
  plain = tf.function(function, autograph=autograph)
  compiled = tf.function(
      lambda *inputs: plain(*inputs),  # pylint: disable=unnecessary-lambda
      autograph=False,
      jit_compile=True,
  )
  return [plain, compiled]


def temporary_folder(test: absltest.TestCase) -> str:
  """Returns a folder that is deleted when the test ends."""
  return test.enter_context(tempfile.TemporaryDirectory())


def folder_of_class(case: Type[absltest.TestCase]) -> str:
  """Returns a folder that is deleted when the last test of a class ends."""
  folder = tempfile.TemporaryDirectory()
  case.addClassCleanup(folder.cleanup)
  return folder.name


def input_fn(*batches: Any) -> Callable[[], tf.data.Dataset]:
  """Returns an `input_fn` that yields each batch once; sizes may differ.

  Args:
    *batches: arrays, or dictionaries of arrays. Their numbers of rows are not
      known when the graph is built.
  """

  def of_any_length(array):
    return tf.compat.v1.placeholder_with_default(
        array, [None, *array.shape[1:]]
    )

  def dataset():
    # Not from a generator, which TensorFlow would trace in each call.
    parts = [
        tf.data.Dataset.from_tensors(
            tf.nest.map_structure(of_any_length, batch)
        )
        for batch in batches
    ]
    return functools.reduce(lambda some, more: some.concatenate(more), parts)

  return dataset


def run_config(**kwargs) -> Any:
  """Returns a `RunConfig` that logs little."""
  return estimator_lib.RunConfig(
      log_step_count_steps=None, save_summary_steps=None, **kwargs
  )


def cpus(number: int) -> tf.compat.v1.ConfigProto:
  """Returns Estimator's session config for several logical CPUs."""
  return sessions.session_config(device_count={'CPU': number})


def unoptimized() -> tf.compat.v1.ConfigProto:
  """Returns Estimator's session config, without the optimization of graphs.

  It makes calls of an Estimator faster. For tests of what happens around a
  graph, and not of what the graph computes.
  """
  config = sessions.session_config()
  config.graph_options.rewrite_options.disable_meta_optimizer = True
  return config


def blobs(
    n: int, d: int, k: int, seed: int, dtype=np.float32
) -> List[np.ndarray]:
  """Returns points in k separate groups, and k of the points."""
  random = np.random.RandomState(seed)
  middle = random.uniform(-4, 4, [k, d])
  points = (middle[np.arange(n) % k] + random.normal(0, 0.6, [n, d])).astype(
      dtype
  )
  return [random.permutation(points), points[:k]]


def around_centers(
    n: int,
    d: int,
    k: int,
    metric: str = numpy_model.SQUARED_EUCLIDEAN,
    dtype=np.float32,
    seed: int = 0,
    offset: float = 0.0,
) -> Tuple[np.ndarray, np.ndarray]:
  """Returns points close to centers, and the centers; cosine: of length 1."""
  random = np.random.RandomState(seed)
  centers = offset + random.normal(0, 4, [k, d])
  points = centers[random.randint(k, size=n)] + random.normal(0, 0.2, [n, d])
  if metric == numpy_model.COSINE:
    points, centers = map(numpy_model.normalize, (points, centers))
  return points.astype(dtype), centers.astype(dtype)
