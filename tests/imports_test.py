# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that imports between the package's modules run one way."""

import ast
import graphlib
import os
from typing import Dict, Iterator, List, Tuple

from absl.testing import absltest

import kmeans_estimator

_PACKAGE = 'kmeans_estimator'
_FOLDER = os.path.dirname(kmeans_estimator.__file__)


def _modules() -> Dict[str, str]:
  """Returns the path of every module of the package by module name."""
  modules = {}
  for folder, _, files in os.walk(_FOLDER):
    parts = os.path.relpath(folder, os.path.dirname(_FOLDER)).split(os.sep)
    for file in files:
      stem, extension = os.path.splitext(file)
      if extension == '.py':
        name = parts if stem == '__init__' else [*parts, stem]
        modules['.'.join(name)] = os.path.join(folder, file)
  return modules


def _tree(path: str) -> ast.Module:
  with open(path, encoding='utf-8') as f:
    return ast.parse(f.read())


def _imports(tree: ast.AST) -> Iterator[Tuple[str, str]]:
  """Yields (module, name or '') of each import statement, also in functions."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for item in node.names:
        yield item.name, ''
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, 'relative import'
      for item in node.names:
        yield node.module, item.name


def _imported_modules(path: str, modules) -> List[str]:
  """Returns the modules of the package that the file at `path` imports."""
  found = []
  for module, name in _imports(_tree(path)):
    submodule = f'{module}.{name}'
    if submodule in modules:
      found.append(submodule)
    elif module in modules:
      found.append(module)
  return found


class ImportsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self._paths = _modules()
    self._graph = {
        name: _imported_modules(path, self._paths)
        for name, path in self._paths.items()
    }

  def test_finds_modules_and_imports(self):
    self.assertIn(f'{_PACKAGE}.model_fn', self._graph[f'{_PACKAGE}.kmeans'])
    self.assertIn(
        f'{_PACKAGE}.kmeans', self._graph[f'{_PACKAGE}.estimator.experimental']
    )
    self.assertIn(
        f'{_PACKAGE}.ops.state', self._graph[f'{_PACKAGE}.ops.updates']
    )

  def test_imports_have_no_circle(self):
    # A circle raises CycleError with the names of its modules.
    graphlib.TopologicalSorter(self._graph).prepare()

  def test_lower_layers_do_not_import_higher_layers(self):
    below = {
        f'{_PACKAGE}.ops': (f'{_PACKAGE}.ops', f'{_PACKAGE}._compat'),
        f'{_PACKAGE}._compat': (f'{_PACKAGE}._compat',),
    }
    for layer, allowed in below.items():
      for name, imported in self._graph.items():
        if name.startswith(layer):
          for other in imported:
            self.assertStartsWith(other, allowed, f'imported by {name}')

  def test_only_compat_imports_private_modules(self):
    for name, path in self._paths.items():
      if not name.startswith(f'{_PACKAGE}._compat'):
        for module, _ in _imports(_tree(path)):
          self.assertFalse(
              module.startswith(('tensorflow.python', 'tensorflow_estimator')),
              f'{name} imports {module}',
          )

  def test_no_function_contains_an_import(self):
    for name, path in self._paths.items():
      # A script that `python -m kmeans_estimator` runs decides when TensorFlow
      # is imported.
      if name == f'{_PACKAGE}.__main__':
        continue
      for node in ast.walk(_tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
          self.assertEmpty(
              list(_imports(node)), f'{name}.{node.name} imports'
          )


if __name__ == '__main__':
  absltest.main()
