# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an old script unchanged: python -m kmeans_estimator SCRIPT [ARGS...].

As `python SCRIPT [ARGS...]` does, but when TensorFlow or this package is first
imported,

* `kmeans_estimator.restore_tf_estimator` puts Estimator and its KMeans back;
* `tensorflow.contrib.factorization` is `kmeans_estimator.factorization`;
* a script that names something of `tensorflow` that only TensorFlow 1 had
  (`tf.train.limit_epochs`, `tf.contrib`) gets TensorFlow 1: its behaviour is
  switched on, and `import tensorflow` means `tensorflow.compat.v1` in the
  script and the modules beside it.
"""

import ast
import builtins
import importlib.machinery
import os
import sys
import types
from typing import List

_USAGE = 'usage: python -m kmeans_estimator SCRIPT [ARGS...]'
_CONTRIB = ('tensorflow.contrib', 'tensorflow.contrib.factorization')


def main():
  if len(sys.argv) < 2:
    print(_USAGE, file=sys.stderr)
    sys.exit(2)
  if sys.argv[1] == '--version':
    from kmeans_estimator import _about

    print(_about.versions())
    return
  del sys.argv[0]
  path = sys.argv[0]
  try:
    with open(path, 'rb') as f:
      source = f.read()
  except OSError as error:
    print(
        f'{sys.executable}: can\'t open file {os.path.abspath(path)!r}: '
        f'[Errno {error.errno}] {error.strerror}',
        file=sys.stderr,
    )
    sys.exit(2)
  _run(source, path)


def _run(source, path):
  """Runs `source` the way the interpreter runs the file at `path`."""
  folder = os.path.dirname(os.path.realpath(path))
  if not getattr(sys.flags, 'safe_path', False):
    sys.path[0] = folder
  path = os.path.abspath(path)
  module = types.ModuleType('__main__')
  vars(module).update(
      __annotations__={},
      __builtins__=builtins,
      __cached__=None,
      __file__=path,
      __loader__=importlib.machinery.SourceFileLoader('__main__', path),
  )
  sys.modules['__main__'] = module
  builtins.__import__ = _Import(source, folder)
  try:
    exec(compile(source, path, 'exec', dont_inherit=True), vars(module))
  except BaseException:
    sys.excepthook = _HideOwnFrames(sys.excepthook)
    raise


class _Import:
  """The import statement; prepares TensorFlow before anyone can see it."""

  def __init__(self, source, folder):
    self._import = builtins.__import__
    self._source = source
    self._folder = folder
    self._prepared = False
    self._as_tensorflow_1 = False

  def __call__(self, name, globals=None, locals=None, fromlist=(), level=0):
    # Our own modules import TensorFlow too: too late, half imported themselves.
    if name.partition('.')[0] in ('tensorflow', __package__) and not (
        level or self._prepared
    ):
      self._prepared = True
      self._as_tensorflow_1 = _prepare_tensorflow(self._source)
    module = self._import(name, globals, locals, fromlist, level)
    if (
        self._as_tensorflow_1
        and name in ('tensorflow', *_CONTRIB)
        and module is sys.modules['tensorflow']
        and self._is_users(globals)
    ):
      return module.compat.v1
    return module

  def _is_users(self, importer):
    """Whether a module is the script or lies beside it."""
    name = (importer or {}).get('__name__', '')
    top = sys.modules.get(name.partition('.')[0])
    place = os.path.dirname(getattr(top, '__file__', None) or '')
    if hasattr(top, '__path__'):
      place = os.path.dirname(place)
    return name == '__main__' or place == self._folder


def _prepare_tensorflow(source):
  """Prepares TensorFlow for a script; returns whether it gets TensorFlow 1."""
  import tensorflow as tf

  from kmeans_estimator import estimator
  from kmeans_estimator import factorization

  estimator.restore_tf_estimator()
  contrib = types.ModuleType(_CONTRIB[0])
  contrib.__path__ = []
  vars(contrib).update(factorization=factorization)
  sys.modules.update(zip(_CONTRIB, (contrib, factorization)))
  v1 = tf.compat.v1
  v1.contrib = contrib

  names = _tensorflow_names(source)
  if not any(_has(v1, name) and not _has(tf, name) for name in names):
    return False
  verbosity = v1.logging.get_verbosity()
  v1.logging.set_verbosity(v1.logging.ERROR)
  v1.disable_v2_behavior()
  v1.logging.set_verbosity(verbosity)
  return True


def _has(module, name):
  """Whether a dotted name can be followed from `module`."""
  value = module
  for part in name.split('.'):
    if not isinstance(value, (types.ModuleType, type)):
      return True
    try:
      value = getattr(value, part)
    except (AttributeError, ImportError):
      return False
  return True


def _tensorflow_names(source):
  """Finds what a script uses of `tensorflow`.

  Args:
    source: the script's text, free of syntax errors.

  Returns:
    A set of dotted names without the leading `tensorflow.`: those that the
    script spells out, and `data.Dataset.m` for every method m that it calls on
    something which is not a module: it may be a dataset.
  """
  tree = ast.parse(source)
  names = set()
  meaning = {}
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for item in node.names:
        meaning.update(
            {item.asname: item.name}
            if item.asname
            else {item.name.partition('.')[0]: item.name.partition('.')[0]}
        )
        names.add(item.name)
    elif isinstance(node, ast.ImportFrom) and not node.level:
      for item in node.names:
        name = f'{node.module}.{item.name}'.replace('.*', '')
        meaning[item.asname or item.name] = name
        names.add(name)
  for node in ast.walk(tree):
    called = isinstance(node, ast.Call)
    value = node.func if isinstance(node, ast.Call) else node
    parts = []
    while isinstance(value, ast.Attribute):
      parts.append(value.attr)
      value = value.value
    if isinstance(value, ast.Name) and value.id in meaning:
      names.add('.'.join([meaning[value.id], *reversed(parts)]))
    elif called and parts:
      names.add(f'tensorflow.data.Dataset.{parts[0]}')
  prefix = 'tensorflow.'
  return {name[len(prefix):] for name in names if name.startswith(prefix)}


class _HideOwnFrames:
  """An excepthook that shows tracebacks as `python SCRIPT` has them."""

  def __init__(self, hook):
    self._hook = hook

  def __call__(self, kind, error, traceback):
    seen = set()
    errors = [error]
    while errors:
      each = errors.pop()
      if each is not None and id(each) not in seen:
        seen.add(id(each))
        each.__traceback__ = self._cut(each.__traceback__)
        errors += [each.__cause__, each.__context__]
    self._hook(kind, error, error.__traceback__)

  def _cut(self, traceback):
    frames: List[types.TracebackType] = []
    while traceback:
      if traceback.tb_frame.f_code is _run.__code__:
        frames = []  # What lies above is the interpreter's way into here.
      elif traceback.tb_frame.f_code.co_filename != __file__:
        frames.append(traceback)
      traceback = traceback.tb_next
    for each in reversed(frames):
      traceback = types.TracebackType(
          traceback, each.tb_frame, each.tb_lasti, each.tb_lineno
      )
    return traceback


if __name__ == '__main__':
  main()
