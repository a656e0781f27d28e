# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The directive `estimator-names`: what the Estimator namespace holds.

The classes and functions are those of the package tensorflow-estimator, and
documented by TensorFlow. So the directive says of each where it is documented.
"""

import inspect
import types
from typing import Iterator, Tuple

from docutils import nodes
from docutils import statemachine
from sphinx import application
from sphinx.util import docutils

from kmeans_estimator import estimator

_DOCUMENTATION = (
    'https://www.tensorflow.org/versions/r2.15/api_docs/python/tf/compat/v1/'
    'estimator'
)
_OWN = 'kmeans_estimator'


def names_of_tensorflow(
    module: types.ModuleType = estimator, prefix: str = ''
) -> Iterator[Tuple[str, object]]:
  """Yields the names that TensorFlow defines, such as `export.EvalOutput`."""
  for name, value in sorted(vars(module).items()):
    if name.startswith('_'):
      continue
    if isinstance(value, types.ModuleType):
      yield from names_of_tensorflow(value, f'{prefix}{name}.')
    elif not value.__module__.startswith(_OWN):
      yield f'{prefix}{name}', value


class EstimatorNames(docutils.SphinxDirective):
  """Lists `kmeans_estimator.estimator.*`, as far as it is TensorFlow's."""

  def run(self):
    lines = []
    for name, value in names_of_tensorflow():
      kind = 'class' if inspect.isclass(value) else 'function'
      page = f'{_DOCUMENTATION}/{name.replace(".", "/")}'
      lines += [
          f'.. py:{kind}:: {name}',
          '   :module: kmeans_estimator.estimator',
          '',
          f'   Documented as `tf.compat.v1.estimator.{name} <{page}>`__.',
          '',
      ]
    node = nodes.Element()
    self.state.nested_parse(
        statemachine.StringList(lines, source=__file__), 0, node
    )
    return node.children


def setup(app: application.Sphinx):
  app.add_directive('estimator-names', EstimatorNames)
  return {'parallel_read_safe': True}
