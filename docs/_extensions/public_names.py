# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Warns of public names that the documentation lacks."""

import importlib
import types
from typing import Iterator

from sphinx import application
from sphinx.util import logging

_MODULES = (
    'kmeans_estimator',
    'kmeans_estimator.estimator',
    'kmeans_estimator.estimator.experimental',
    'kmeans_estimator.estimator.export',
    'kmeans_estimator.estimator.inputs',
    'kmeans_estimator.estimator.tpu',
    'kmeans_estimator.estimator.tpu.experimental',
    'kmeans_estimator.factorization',
    'kmeans_estimator.features',
    'kmeans_estimator.hooks',
    'kmeans_estimator.inputs',
    'kmeans_estimator.ops.clustering_ops',
)
# For the package's own modules.
_INTERNAL = frozenset({
    'kmeans_estimator.features.check_result',
    'kmeans_estimator.features.check_weight_column',
    'kmeans_estimator.features.explained_columns',
    'kmeans_estimator.features.names',
    'kmeans_estimator.features.split_weights',
})
_SOURCES = ('kmeans_estimator', 'tensorflow')


def public_names() -> Iterator[str]:
  """Yields the full names of public classes, functions and constants."""
  for module_name in _MODULES:
    module = importlib.import_module(module_name)
    for name in dir(module):
      full_name = f'{module_name}.{name}'
      if name.startswith('_') or full_name in _INTERNAL:
        continue
      value = getattr(module, name)
      source = getattr(value, '__module__', '') or ''
      is_ours = source.startswith(_SOURCES) and isinstance(
          value, (type, types.FunctionType)
      )
      if is_ours or (name.isupper() and isinstance(value, str)):
        yield full_name


def _check(app, env):
  del app
  documented = env.get_domain('py').objects
  for name in public_names():
    if name not in documented:
      logging.getLogger(__name__).warning(
          '%s is public, but no page of docs/api has it.', name
      )


def setup(app: application.Sphinx):
  app.connect('env-check-consistency', _check)
  return {'parallel_read_safe': True}
