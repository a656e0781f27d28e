# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds the names of TensorFlow in the source of a program."""

import ast
import os
import re
from typing import Dict, Iterator, List, Optional, Set, Tuple

_TELLS_VERSION = re.compile(
    r'tensorflow(\.compat\.v[12])?\.(__version__|VERSION|version\.VERSION)'
)


def of_program(source: bytes, folder: str) -> Set[str]:
  """Finds the names of `tensorflow` in a script and the modules next to it.

  Args:
    source: the source of the script.
    folder: the folder of the script. Modules in this folder count if the script
      imports them, directly or through other modules in the folder.

  Returns:
    The names, see `of_module`.
  """
  return set().union(*map(of_module, _trees(source, folder)))


def _trees(source: bytes, folder: str) -> Iterator[ast.Module]:
  """Yields the syntax trees of the script and of the modules it imports."""
  seen: Set[str] = set()
  todo: List[Tuple[bytes, str]] = [(source, '')]
  while todo:
    text, package = todo.pop()
    try:
      tree = ast.parse(text)
    except (SyntaxError, ValueError):
      continue  # Python reports the syntax error when it runs the source.
    yield tree
    for module in _imported(tree, package) - seen:
      seen.add(module)
      path = os.path.join(folder, *module.split('.'))
      for file, its_package in (
          (path + '.py', module.rpartition('.')[0]),
          (os.path.join(path, '__init__.py'), module),
      ):
        if os.path.isfile(file):
          with open(file, 'rb') as f:
            todo.append((f.read(), its_package))


def _imported(tree: ast.Module, package: str) -> Set[str]:
  """Returns dotted names of modules that a module of a package may import."""
  names: Set[str] = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      names.update(item.name for item in node.names)
    elif isinstance(node, ast.ImportFrom):
      parents = package.split('.')[: 1 - node.level or None]
      base = [part for part in parents if node.level and part]
      base += [node.module] if node.module else []
      # `from package import name` may import the module `package.name`.
      names.update('.'.join([*base, item.name]) for item in node.names)
  # Importing `a.b.c` also imports `a` and `a.b`.
  return {
      '.'.join(parts[: i + 1])
      for parts in (name.split('.') for name in names)
      for i in range(len(parts))
  }


def of_module(tree: ast.Module) -> Set[str]:
  """Finds the names of `tensorflow` that a module uses.

  Args:
    tree: the syntax tree of the module.

  Returns:
    A set of dotted names without the leading `tensorflow.`: all names that the
    module spells out, and `data.Dataset.m` for every method m that it calls on
    an object that is not a module, because the object may be a dataset. Code
    under a condition on TensorFlow's version is left out.
  """
  meaning = _meaning(tree)
  names: Set[str] = set()
  for node in _unconditional(tree, meaning):
    if isinstance(node, ast.Import):
      names.update(item.name for item in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
      names.update(_full_name(node, item) for item in node.names)
    value = node.func if isinstance(node, ast.Call) else node
    name = _dotted_name(value, meaning)
    if name:
      names.add(name)
    elif isinstance(node, ast.Call) and isinstance(value, ast.Attribute):
      names.add(f'tensorflow.data.Dataset.{value.attr}')
  prefix = 'tensorflow.'
  return {name[len(prefix):] for name in names if name.startswith(prefix)}


def _meaning(tree: ast.Module) -> Dict[str, str]:
  """Maps the names that a module imports to the full names of the objects."""
  meaning = {}
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for item in node.names:
        top = item.name.partition('.')[0]
        meaning[item.asname or top] = item.name if item.asname else top
    elif isinstance(node, ast.ImportFrom) and not node.level:
      for item in node.names:
        meaning[item.asname or item.name] = _full_name(node, item)
  return meaning


def _full_name(node: ast.ImportFrom, item: ast.alias) -> str:
  return f'{node.module}.{item.name}'.replace('.*', '')


def _dotted_name(node: ast.AST, meaning: Dict[str, str]) -> Optional[str]:
  """Returns the full name of an expression like `tf.train.Saver`, or None."""
  parts: List[str] = []
  while isinstance(node, ast.Attribute):
    parts.insert(0, node.attr)
    node = node.value
  if isinstance(node, ast.Name) and node.id in meaning:
    return '.'.join([meaning[node.id], *parts])
  return None


def _unconditional(
    tree: ast.Module, meaning: Dict[str, str]
) -> Iterator[ast.AST]:
  """Yields all nodes except under conditions on TensorFlow's version."""
  variables = _variables_of_version(tree, meaning)
  todo: List[ast.AST] = [tree]
  while todo:
    node = todo.pop()
    tests: List[ast.expr] = []
    if isinstance(node, (ast.If, ast.IfExp)):
      tests = [node.test]
    elif isinstance(node, ast.BoolOp):
      tests = node.values
    if any(_tells_version(test, meaning, variables) for test in tests):
      continue
    yield node
    todo.extend(ast.iter_child_nodes(node))


def _variables_of_version(
    tree: ast.Module, meaning: Dict[str, str]
) -> Set[str]:
  """Returns names of variables and functions that hold or tell the version."""
  variables: Set[str] = set()

  def tells(value):
    return value is not None and _tells_version(value, meaning, variables)

  def remembered(node):
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and tells(node.value):
      # Only names in Store context: in `self.x = ...` that is not `self`.
      return {
          each.id
          for each in ast.walk(node)
          if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
      }
    if isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Return) and tells(each.value)
        for each in ast.walk(node)
    ):
      return {node.name}
    return set()

  while True:
    found = set().union(*map(remembered, ast.walk(tree)))
    if found <= variables:
      return variables
    variables |= found


def _tells_version(
    expression: ast.AST, meaning: Dict[str, str], variables: Set[str]
) -> bool:
  """Returns whether an expression depends on TensorFlow's version."""
  for node in ast.walk(expression):
    if isinstance(node, ast.Name) and node.id in variables:
      return True
    if _TELLS_VERSION.fullmatch(_dotted_name(node, meaning) or ''):
      return True
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == 'hasattr'
        and (_dotted_name(node.args[0], meaning) or '').startswith('tensorflow')
    ):
      return True
  return False
