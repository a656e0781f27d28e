# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cases that call methods of an Estimator, which open sessions and files."""

import functools
import subprocess
import sys
from typing import Any, Callable, Dict

import numpy as np
import tensorflow as tf

from benchmarks import data
from benchmarks import reference
from benchmarks import scratch
from benchmarks import timing
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import inputs
from kmeans_estimator import kmeans as kmeans_lib

_CLASSES = {
    timing.OURS: kmeans_lib.KMeansClustering,
    'reference': reference.KMeansClustering,
}


def train(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures `train(steps=1)` of a model whose centers are chosen."""
  points, _ = data.clusters(n, d, k)
  return _calls(points, k, _train)


def first_train(
    n: int, d: int, k: int, initial_clusters: str
) -> Dict[str, timing.Contender]:
  """Measures the first `train(steps=1)` of a model; it chooses the centers."""
  points, _ = data.clusters(n, d, k)
  # k-MC2 chooses each center by a chain of 200 points, so it needs several
  # batches.
  input_fn = documented_input_fn(points, num_epochs=k)
  return {
      name: timing.Contender(
          lambda make=make: _train(make(), input_fn),
          lambda make=make: _graph_facts(make(), input_fn, _train),
      )
      for name, make in _makers(k, initial_clusters).items()
  }


def _train(estimator, input_fn, hooks=()):
  estimator.train(input_fn, hooks, steps=1)


def score(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures `evaluate(steps=1)`, which does all the work of `score`."""
  points, _ = data.clusters(n, d, k)
  return _calls(
      points,
      k,
      lambda estimator, input_fn, hooks=(): estimator.evaluate(
          input_fn, steps=1, hooks=hooks
      ),
  )


def documented_loop(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures the documented example: train, get centers and score ten times."""
  points, _ = data.clusters(n, d, k)
  input_fn = documented_input_fn(points)

  def loop(make):
    estimator = make(k, scratch.folder(), use_mini_batch=False)
    for _ in range(10):
      estimator.train(input_fn)
      estimator.cluster_centers()
      estimator.score(input_fn)

  return {
      name: timing.Contender(lambda make=make: loop(make))
      for name, make in _CLASSES.items()
  }


def predict(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures `predict_cluster_index` in batches of 10 000 rows."""
  return _rows(
      n, d, k, lambda estimator, fn: estimator.predict_cluster_index(fn)
  )


def transform(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures `transform` in batches of 10 000 rows."""
  return _rows(n, d, k, lambda estimator, fn: estimator.transform(fn))


def array(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures `train(steps=1)` on `array_input_fn` and on a constant tensor."""
  points, centers = data.clusters(n, d, k)
  contenders = {}
  for name, input_fn in (
      (timing.OURS, inputs.array_input_fn(points)),
      ('reference', documented_input_fn(points)),
  ):
    estimator = _estimator(name, k, initial_clusters=centers)
    contenders[name] = timing.Contender(
        lambda e=estimator, fn=input_fn: e.train(fn, steps=1)
    )
  return contenders


def documented_input_fn(
    points: np.ndarray, num_epochs: int = 1
) -> Callable[[], tf.Tensor]:
  """Returns the `input_fn` of the documented example: a constant tensor."""
  return lambda: tf.compat.v1.train.limit_epochs(
      tf.convert_to_tensor(points, tf.float32), num_epochs=num_epochs
  )


def imports() -> Dict[str, timing.Contender]:
  """Measures a process that imports TensorFlow, with and without KMeans."""
  return {
      name: timing.Contender(
          lambda code=code: subprocess.run(
              [sys.executable, '-c', code],
              stderr=subprocess.DEVNULL,
              check=True,
          )
      )
      for name, code in (
          # The package imports its modules when a program first uses a name.
          (
              timing.OURS,
              'import tensorflow, kmeans_estimator; kmeans_estimator.KMeans',
          ),
          ('no model', 'import tensorflow'),
      )
  }


def _estimator(name, k, **kwargs) -> Any:
  return _CLASSES[name](k, scratch.folder(), use_mini_batch=False, **kwargs)


def _makers(k, initial_clusters) -> Dict[str, Callable[[], Any]]:
  """Returns functions that make new Estimators: KMeans, and a trivial model."""
  makers = {
      name: functools.partial(
          # The reference needs a seed for k-means++.
          _estimator, name, k, initial_clusters=initial_clusters, seed=0
      )
      for name in _CLASSES
      # The reference has k-MC2 at graph level only.
      if name == timing.OURS or initial_clusters != 'kmc2'
  }
  makers['no model'] = lambda: estimator_lib.Estimator(
      _no_model, scratch.folder()
  )
  return makers


def _calls(points, k, call) -> Dict[str, timing.Contender]:
  """Returns contenders that call trained Estimators."""
  input_fn = documented_input_fn(points, num_epochs=2)
  contenders = {}
  for name, make in _makers(k, 'random').items():
    estimator = make()
    estimator.train(input_fn, steps=1)
    contenders[name] = timing.Contender(
        lambda e=estimator: call(e, input_fn),
        lambda e=estimator: _graph_facts(e, input_fn, call),
    )
  return contenders


def _no_model(features, mode):
  """Sums the features: a model that shows the cost of any Estimator."""
  step = tf.compat.v1.train.get_or_create_global_step()
  return estimator_lib.EstimatorSpec(
      mode, loss=tf.reduce_sum(features), train_op=step.assign_add(1)
  )


def _graph_facts(estimator, input_fn, call) -> Dict[str, Any]:
  """Returns the number of nodes in the graph of a call."""
  hook = _SizeHook()
  call(estimator, input_fn, [hook])
  return {'nodes': hook.nodes}


class _SizeHook(tf.compat.v1.train.SessionRunHook):
  """Counts the nodes of the session's graph and of the graph's functions."""

  nodes = 0

  def after_create_session(self, session, coord):
    del coord
    graph = session.graph.as_graph_def()
    self.nodes = len(graph.node) + sum(
        len(function.node_def) for function in graph.library.function
    )


def _rows(n, d, k, iterate) -> Dict[str, timing.Contender]:
  points, centers = data.clusters(n, d, k)
  batches = inputs.array_input_fn(points, batch_size=10_000)
  contenders = {}
  for name in _CLASSES:
    estimator = _estimator(name, k, initial_clusters=centers)
    estimator.train(inputs.array_input_fn(points), steps=1)

    def run(estimator=estimator):
      for _ in iterate(estimator, batches):
        pass

    contenders[name] = timing.Contender(run, lambda: {'rows': n})
  return contenders
