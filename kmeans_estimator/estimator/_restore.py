# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Restores the Estimator namespaces in TensorFlow."""

from kmeans_estimator import kmeans
from kmeans_estimator._compat import api
from kmeans_estimator._compat import run_config
from kmeans_estimator._compat import versions


def restore_tf_estimator() -> None:
  """Restores `tf.estimator` and `tf.compat.v1.estimator` in TensorFlow.

  Afterwards imports such as `import tensorflow.compat.v1.estimator` and `from
  tensorflow import estimator` work as in TensorFlow 2.15. In both namespaces
  `experimental.KMeans` is `kmeans_estimator.KMeansClustering` (the TensorFlow 2
  namespace had no KMeans) and `RunConfig` is
  `kmeans_estimator.estimator.RunConfig`. On TensorFlow 2.13 to 2.15 only
  `experimental.KMeans` changes. Calling it again changes nothing.

  Names that only TensorFlow 1 has stay missing. Write
  `tf.compat.v1.train.limit_epochs` for `tf.train.limit_epochs`, or run the
  unchanged program with `python -m kmeans_estimator`.
  """
  for namespace in api.restore():
    namespace.experimental.KMeans = kmeans.KMeansClustering
    if not versions.tensorflow_has_estimator():
      namespace.RunConfig = run_config.RunConfig
