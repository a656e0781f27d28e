# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cases that send requests to exported models, and report the models' size."""

import os
from typing import Any, Dict

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


def request(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures a request for the clusters of `n` rows.

  A session answers the request, as in TensorFlow Serving. Both
  implementations export the same checkpoint.
  """
  points, centers = data.clusters(max(n, 10 * k), d, k)
  folder = scratch.folder()
  kmeans_lib.KMeansClustering(k, folder, initial_clusters=centers).train(
      inputs.array_input_fn(points), steps=1
  )
  contenders = {}
  for name, kmeans_class in _CLASSES.items():
    path = kmeans_class(k, folder).export_saved_model(
        scratch.folder(), lambda: _receive(d)
    )
    answer = _load(path)
    contenders[name] = timing.Contender(
        lambda answer=answer: answer(points[:n]),
        lambda path=path: _facts(path),
    )
  return contenders


def _receive(d):
  points = tf.compat.v1.placeholder(tf.float32, [None, d], 'points')
  return estimator_lib.export.TensorServingInputReceiver(points, points)


def _load(path):
  session = tf.compat.v1.Session(graph=tf.Graph())
  with session.graph.as_default():
    loaded = tf.compat.v1.saved_model.load(session, ['serve'], path)
  signature = loaded.signature_def['serving_default']
  return session.make_callable(
      signature.outputs['output'].name, [signature.inputs['input'].name]
  )


def _facts(path) -> Dict[str, Any]:
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    loaded = tf.compat.v1.saved_model.load(session, ['serve'], path)
  functions = loaded.graph_def.library.function
  size = os.path.getsize(os.path.join(os.fsdecode(path), 'saved_model.pb'))
  return {
      'nodes': len(loaded.graph_def.node)
      + sum(len(function.node_def) for function in functions),
      'graph kB': size / 1000,
  }
