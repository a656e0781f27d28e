# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""K-means clustering as a TensorFlow Estimator."""

import importlib

__all__ = [
    'KMeans',
    'KMeansClustering',
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
    'restore_tf_estimator': 'estimator.restore_tf_estimator',
}


# On first use, so that a program may set TensorFlow's environment variables
# after this import, and `python -m kmeans_estimator` before TensorFlow's.
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
