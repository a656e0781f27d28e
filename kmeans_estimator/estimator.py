# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Estimator namespace, on any TensorFlow from 2.13 to 2.21.

Holds every name that `tf.compat.v1.estimator` has in TensorFlow 2.15, with
`experimental.KMeans` being `kmeans_estimator.KMeansClustering`:

>>> from kmeans_estimator import estimator
>>> config = estimator.RunConfig(tf_random_seed=1)
>>> spec = estimator.TrainSpec(input_fn=lambda: None, max_steps=10)
>>> from kmeans_estimator.estimator.export import ServingInputReceiver
"""

import sys
import types

from kmeans_estimator import _tensorflow_compat

_tensorflow_compat.install()


def _kmeans(name):
  if name != 'KMeans':
    raise AttributeError(
        f'module {_EXPERIMENTAL!r} has no attribute {name!r}'
    )
  # Not at the top: this class derives from this module's Estimator.
  from kmeans_estimator import kmeans  # pylint: disable=g-import-not-at-top

  return kmeans.KMeansClustering


def _fill(module, symbols):
  """Gives `module` the `symbols` of a namespace, and makes it importable."""
  module.__path__ = []
  module.__all__ = sorted(symbols)
  for name, symbol in symbols.items():
    if not isinstance(symbol, types.ModuleType):
      setattr(module, name, symbol)
      continue
    child = types.ModuleType(f'{module.__name__}.{name}', symbol.__doc__)
    sys.modules[child.__name__] = child
    setattr(module, name, child)
    _fill(child, _tensorflow_compat.public_symbols(symbol))


_fill(
    sys.modules[__name__],
    _tensorflow_compat.public_symbols(_tensorflow_compat.estimator_api('v1')),
)
_EXPERIMENTAL = f'{__name__}.experimental'
del sys.modules[_EXPERIMENTAL].KMeans
sys.modules[_EXPERIMENTAL].__getattr__ = _kmeans
sys.modules[_EXPERIMENTAL].__dir__ = lambda: list(
    sys.modules[_EXPERIMENTAL].__all__
)
