# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Estimator namespace, on any TensorFlow from 2.13 to 2.21.

Holds every name that `tf.compat.v1.estimator` has in TensorFlow 2.15, with
`experimental.KMeans` being `kmeans_estimator.KMeansClustering`:

```python
from kmeans_estimator import estimator
from kmeans_estimator.estimator.export import ServingInputReceiver

config = estimator.RunConfig(tf_random_seed=1)
kmeans = estimator.experimental.KMeans(num_clusters=5, config=config)
```
"""

import sys
import types

from kmeans_estimator._compat import api
from kmeans_estimator._compat import run_config
from kmeans_estimator._compat import versions


def restore_tf_estimator() -> None:
  """Puts `tf.estimator` and `tf.compat.v1.estimator` back into TensorFlow.

  Afterwards `import tensorflow.compat.v1.estimator`, `from tensorflow import
  estimator` and the like work as in TensorFlow 2.15, and `experimental.KMeans`
  is `kmeans_estimator.KMeansClustering` in both namespaces (the TensorFlow 2
  one never had it). `RunConfig` is the one of this module. On TensorFlow 2.13
  to 2.15 only `experimental.KMeans` changes. May be called any number of times.
  """
  for namespace in api.restore():
    namespace.experimental.KMeans = _kmeans_clustering()
    if not versions.tensorflow_has_estimator():
      namespace.RunConfig = run_config.RunConfig


def _kmeans_clustering():
  # Not at the top: the class derives from this module's Estimator.
  from kmeans_estimator import kmeans

  return kmeans.KMeansClustering


def _fill(module, symbols):
  """Gives `module` the public `symbols`, and makes it importable."""
  module.__path__ = []
  module.__all__ = sorted(symbols)
  module.__dir__ = lambda: module.__all__
  for name, symbol in symbols.items():
    if not isinstance(symbol, types.ModuleType):
      setattr(module, name, symbol)
      continue
    child = types.ModuleType(f'{module.__name__}.{name}', symbol.__doc__)
    sys.modules[child.__name__] = child
    setattr(module, name, child)
    _fill(child, _public_symbols(symbol))


def _public_symbols(module):
  # Through `vars`: attribute access of TensorFlow's wrapper has side effects.
  return {
      name: symbol
      for name, symbol in vars(module).items()
      if not name.startswith('_')
  }


def _fill_namespace(module):
  _fill(
      module,
      dict(
          _public_symbols(api.v1),
          RunConfig=run_config.RunConfig,
          restore_tf_estimator=restore_tf_estimator,
      ),
  )
  del module.experimental.KMeans

  def kmeans_on_first_use(name):
    if name != 'KMeans':
      raise AttributeError(
          f'module {module.experimental.__name__!r} has no attribute {name!r}'
      )
    return _kmeans_clustering()

  module.experimental.__getattr__ = kmeans_on_first_use


_fill_namespace(sys.modules[__name__])
