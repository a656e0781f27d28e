# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""K-means clustering as a TensorFlow Estimator."""

import importlib
from typing import TYPE_CHECKING

__version__ = '0.1.0'

__all__ = [
    'KMeans',
    'KMeansClustering',
    'WeightedKMeans',
    'estimator',
    'factorization',
    'features',
    'hooks',
    'inputs',
    'ops',
    'restore_tf_estimator',
]

_DEFINED_IN = {
    'KMeans': 'kmeans.KMeansClustering',
    'KMeansClustering': 'kmeans.KMeansClustering',
    'WeightedKMeans': 'weighted.WeightedKMeans',
    'restore_tf_estimator': 'estimator.restore_tf_estimator',
}


if TYPE_CHECKING:
  from kmeans_estimator import estimator
  from kmeans_estimator import factorization
  from kmeans_estimator import features
  from kmeans_estimator import hooks
  from kmeans_estimator import inputs
  from kmeans_estimator import ops
  from kmeans_estimator.estimator import restore_tf_estimator
  from kmeans_estimator.kmeans import KMeansClustering
  from kmeans_estimator.kmeans import KMeansClustering as KMeans
  from kmeans_estimator.weighted import WeightedKMeans
else:

  # Import modules on first use. So a program may set TensorFlow's environment
  # variables after importing this package, and `python -m kmeans_estimator`
  # starts without importing TensorFlow first.
  def __getattr__(name):
    if name not in __all__:
      raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module, _, attribute = _DEFINED_IN.get(name, name).partition('.')
    value = importlib.import_module(f'{__name__}.{module}')
    if attribute:
      value = getattr(value, attribute)
    globals()[name] = value
    return value


def __dir__():
  return __all__
