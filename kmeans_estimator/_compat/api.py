# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Restores the two Estimator namespaces of TensorFlow 2.15 in `tf`."""

import re
import sys
import types
from typing import Any, List, Tuple

import tensorflow as tf
from tensorflow_estimator.python.estimator.api._v1 import estimator as v1
from tensorflow_estimator.python.estimator.api._v2 import estimator as v2

__all__ = ['restore', 'v1', 'v2']

_MODULES_WITH_ESTIMATOR = re.compile(
    r'tensorflow|tensorflow(\._api\.v2)?(\.compat\.v[12])+'
)


def restore() -> List[Any]:
  """Adds `estimator` to `tf` and its `compat` modules where it is missing.

  Returns:
    The modules that now have the names of the two namespaces in TensorFlow
    2.15, as attributes of `tf` or for import statements.
  """
  # Without these entries a later `import tensorflow.compat.v1` would create a
  # second copy of the module, without `estimator`.
  sys.modules.setdefault('tensorflow.compat', tf.compat)
  sys.modules.setdefault('tensorflow.compat.v1', tf.compat.v1)
  sys.modules.setdefault('tensorflow.compat.v2', tf.compat.v2)
  found: List[Any] = [v1, v2]
  modules: List[Tuple[str, Any]] = list(sys.modules.items())
  for name, owner in modules:
    if _MODULES_WITH_ESTIMATOR.fullmatch(name):
      api = v1 if name.endswith('v1') else v2
      if not hasattr(owner, 'estimator'):
        owner.estimator = api
      found.append(_make_importable(f'{name}.estimator', api))
  return found


def _make_importable(name, module):
  """Makes `import name` find `module`, unless it already finds a module."""
  # `vars`, because an attribute of TensorFlow's module wrapper logs on access.
  for child, value in list(vars(module).items()):
    if isinstance(value, types.ModuleType) and not child.startswith('_'):
      _make_importable(f'{name}.{child}', value)
  return sys.modules.setdefault(name, module)
