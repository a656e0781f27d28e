# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Helpers of several tests: the reference, training graphs, inputs, points."""

import importlib
import os
import pathlib
import tempfile
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from kmeans_estimator import estimator as estimator_lib
from tests.helpers import numpy_model
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


class TrainingGraph:
  """A graph built by either implementation's `training_graph`, with a session.

  If `example` is a list, the graph takes its input in as many shards.
  """

  def __init__(
      self,
      kmeans_class: Callable[..., Any],
      example: Union[np.ndarray, Sequence[np.ndarray]],
      num_clusters: int,
      **kwargs,
  ):
    shards = example if isinstance(example, list) else [example]
    with tf.Graph().as_default() as graph:
      self._inputs = [
          tf.compat.v1.placeholder(shard.dtype, [None, shard.shape[1]])
          for shard in shards
      ]
      self._global_step = tf.compat.v1.train.create_global_step()
      (
          all_distances,
          index,
          distance,
          self._initialized,
          self._init_op,
          self._training_op,
      ) = kmeans_class(
          self._inputs if isinstance(example, list) else self._inputs[0],
          num_clusters,
          **kwargs,
      ).training_graph()
      self._inference = Inference(
          *(tf.concat(list(x), 0) for x in (all_distances, index, distance))
      )
      self._variables = {
          variable.op.name: variable
          for variable in tf.compat.v1.global_variables()
      }
      self._saver = tf.compat.v1.train.Saver()
      initialize_variables = tf.compat.v1.global_variables_initializer()
    self.session = tf.compat.v1.Session(graph=graph)
    self.session.run(initialize_variables)

  def _run(self, fetches, batch):
    shards = batch if isinstance(batch, list) else [batch]
    return self.session.run(fetches, dict(zip(self._inputs, shards)))

  def initialize(self, batch) -> bool:
    """Runs the init op once; returns whether all centers have been chosen."""
    self._run(self._init_op, batch)
    return bool(self.session.run(self._initialized))

  def infer(self, batch) -> Inference:
    return self._run(self._inference, batch)

  def step(self, batch) -> None:
    self._run(self._training_op, batch)

  def infer_and_step(self, batch) -> Inference:
    """Runs a step and the inference of its batch in a single session run.

    Not for the reference, where the two would race.
    """
    return self._run([self._inference, self._training_op], batch)[0]

  def values(self) -> Dict[str, np.ndarray]:
    """Returns the values of all variables by name."""
    return self.session.run(self._variables)

  def assign(self, name: str, value: Any) -> None:
    """Assigns a value to a variable."""
    with self.session.graph.as_default():
      self._variables[name].load(value, self.session)

  def save(self, prefix: str) -> str:
    with self.session.graph.as_default():
      return self._saver.save(
          self.session,
          prefix,
          self.session.run(self._global_step),
          write_meta_graph=False,
      )

  def restore(self, path: str) -> None:
    with self.session.graph.as_default():
      self._saver.restore(self.session, path)


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


def temporary_folder(test: absltest.TestCase) -> str:
  """Returns a folder that is deleted when the test ends."""
  return test.enter_context(tempfile.TemporaryDirectory())


def input_fn(*batches: np.ndarray) -> Callable[[], tf.data.Dataset]:
  """Returns an `input_fn` that yields each batch once; sizes may differ."""

  def dataset():
    return tf.data.Dataset.from_generator(
        lambda: iter(batches),
        output_signature=tf.TensorSpec(
            [None, batches[0].shape[1]], batches[0].dtype
        ),
    )

  return dataset


def run_config(**kwargs) -> Any:
  """Returns a `RunConfig` that logs little."""
  return estimator_lib.RunConfig(
      log_step_count_steps=None, save_summary_steps=None, **kwargs
  )


def cpus(number: int) -> tf.compat.v1.ConfigProto:
  """Returns a session config with several CPUs, otherwise Estimator's own."""
  config = tf.compat.v1.ConfigProto(
      device_count={'CPU': number}, allow_soft_placement=True
  )
  rewriting = config.graph_options.rewrite_options
  rewriting.meta_optimizer_iterations = rewriting.ONE
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
