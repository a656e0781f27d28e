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

import copy
import functools
import sys
import types

from kmeans_estimator import _tensorflow_compat

_tensorflow_compat.install()


def restore_tf_estimator() -> None:
  """Puts `tf.estimator` and `tf.compat.v1.estimator` back into TensorFlow.

  Afterwards `import tensorflow.compat.v1.estimator`, `from tensorflow import
  estimator` and the like work as in TensorFlow 2.15, and `experimental.KMeans`
  is `kmeans_estimator.KMeansClustering` in both namespaces (the TensorFlow 2
  one never had it). `RunConfig` is the one of this module. On TensorFlow 2.13
  to 2.15 only `experimental.KMeans` changes. May be called any number of times.
  """
  for api in _tensorflow_compat.restore_estimator_apis():
    api.experimental.KMeans = _kmeans_clustering()
    if not _tensorflow_compat.tensorflow_has_estimator():
      api.RunConfig = sys.modules[__name__].RunConfig


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
    _fill(child, _tensorflow_compat.public_symbols(symbol))


def _run_config(original):
  """`original`, but for TF_CONFIGs that it cannot read, and for its copies."""

  class RunConfigType(type(original)):

    def __instancecheck__(cls, instance):
      # An Estimator without a config makes an `original` for itself.
      if cls is RunConfig:
        return isinstance(instance, original)
      return super().__instancecheck__(instance)

  @functools.wraps(original, updated=())
  class RunConfig(original, metaclass=RunConfigType):

    @functools.wraps(original.__init__)
    def __init__(self, *args, **kwargs):
      _tensorflow_compat.check_tf_config()
      super().__init__(*args, **kwargs)

    def __deepcopy__(self, memo):
      # An Estimator copies its config, while a MultiWorkerMirroredStrategy of
      # an evaluator lets no one copy it.
      for strategy in (self.train_distribute, self.eval_distribute):
        memo[id(strategy)] = strategy
      result = self.__class__.__new__(self.__class__)
      result.__dict__.update(copy.deepcopy(self.__dict__, memo))
      return result

  RunConfig.__module__ = __name__
  return RunConfig


def _fill_namespace(module):
  _fill(
      module,
      dict(
          _tensorflow_compat.public_symbols(
              _tensorflow_compat.estimator_api('v1')
          ),
          restore_tf_estimator=restore_tf_estimator,
      ),
  )
  module.RunConfig = _run_config(module.RunConfig)
  del module.experimental.KMeans

  def kmeans_on_first_use(name):
    if name != 'KMeans':
      raise AttributeError(
          f'module {module.experimental.__name__!r} has no attribute {name!r}'
      )
    return _kmeans_clustering()

  module.experimental.__getattr__ = kmeans_on_first_use


_fill_namespace(sys.modules[__name__])
