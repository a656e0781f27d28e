# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What several tests need: the reference, graphs to step through, inputs."""

import importlib
import os
import tempfile
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from kmeans_estimator import estimator as estimator_lib
from tests import numpy_model

# The implementation that the documents describe, which serves as the oracle.
reference_ops = importlib.import_module('tensorflow.python.ops.clustering_ops')
# TensorFlow's kernels for CPUs, also where tf.raw_ops does not have them.
kernels = importlib.import_module('tensorflow.python.ops.gen_clustering_ops')
ReferenceKMeans = importlib.import_module(
    'tensorflow_estimator.python.estimator.canned.kmeans'
).KMeansClustering

TESTDATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'testdata')

# Variables of a checkpoint by the names of the state that they hold.
VARIABLES = {
    'clusters': 'clusters',
    'counts': 'Variable',
    'clusters_updated': 'clusters_updated',
    'update_in_steps': 'update_in_steps',
}


class Inference(NamedTuple):
  """What a graph says of a batch; one array for all shards of it."""

  all_distances: np.ndarray
  index: np.ndarray
  distance: np.ndarray


class TrainingGraph:
  """A graph by `training_graph()` of either implementation, and its session.

  With a list as `example`, the graph takes its input in as many shards.
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
    """Runs the init op once; returns whether all centers are chosen."""
    self._run(self._init_op, batch)
    return bool(self.session.run(self._initialized))

  def infer(self, batch) -> Inference:
    return self._run(self._inference, batch)

  def step(self, batch) -> None:
    self._run(self._training_op, batch)

  def infer_and_step(self, batch) -> Inference:
    """Steps, and says what the step itself saw. The reference would race."""
    return self._run([self._inference, self._training_op], batch)[0]

  def values(self) -> Dict[str, np.ndarray]:
    """All variables by name."""
    return self.session.run(self._variables)

  def assign(self, name: str, value: Any) -> None:
    """Sets a variable."""
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
  """The model that a checkpoint's variables describe."""
  fields = {
      field: values[name] for field, name in VARIABLES.items() if name in values
  }
  for field in 'clusters', 'clusters_updated':
    if field in fields:
      fields[field] = np.asarray(fields[field], np.float64)
  return numpy_model.State(metric, steps_per_iteration, **fields)


def checkpoint_values(path: str) -> Dict[str, np.ndarray]:
  """All variables of a checkpoint, or of a directory's latest one."""
  reader = tf.train.load_checkpoint(path)
  return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
  }


def assert_state(
    values: Dict[str, np.ndarray],
    state: numpy_model.State,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
  """Checks variables against the model: all of its own, and no others."""
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
  """A folder that goes when the test ends."""
  return test.enter_context(tempfile.TemporaryDirectory())


def input_fn(*batches: np.ndarray) -> Callable[[], tf.data.Dataset]:
  """An `input_fn` that gives each batch once; they may differ in length."""

  def dataset():
    return tf.data.Dataset.from_generator(
        lambda: iter(batches),
        output_signature=tf.TensorSpec(
            [None, batches[0].shape[1]], batches[0].dtype
        ),
    )

  return dataset


def run_config(**kwargs) -> Any:
  """A quiet `RunConfig`."""
  return estimator_lib.RunConfig(
      log_step_count_steps=None, save_summary_steps=None, **kwargs
  )


def blobs(
    n: int, d: int, k: int, seed: int, dtype=np.float32
) -> List[np.ndarray]:
  """Points in k groups around distinct places, and k of the points."""
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
  """Points close to centers, and the centers; for cosine of unit length."""
  random = np.random.RandomState(seed)
  centers = offset + random.normal(0, 4, [k, d])
  points = centers[random.randint(k, size=n)] + random.normal(0, 0.2, [n, d])
  if metric == numpy_model.COSINE:
    points, centers = map(numpy_model.normalize, (points, centers))
  return points.astype(dtype), centers.astype(dtype)
