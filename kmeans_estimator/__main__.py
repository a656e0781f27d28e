# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an old TensorFlow program unchanged.

usage: python -m kmeans_estimator [--tf1 | --tf2] SCRIPT [ARGS...]
       python -m kmeans_estimator --help | --version

SCRIPT runs as `python SCRIPT [ARGS...]` would run it. When it first imports
TensorFlow or this package,

* tf.estimator and tf.compat.v1.estimator are put back, with this package's
  KMeans (kmeans_estimator.restore_tf_estimator does so);
* tensorflow.contrib.factorization becomes importable: it is
  kmeans_estimator.factorization;
* a script that uses a name that only TensorFlow 1 had (tf.train.limit_epochs,
  tf.Session, tf.contrib), or imports a module beside it that does, gets
  TensorFlow 1: its behaviour is switched on, and `import tensorflow` means
  tensorflow.compat.v1 in the script and the modules beside it. Names under a
  test of TensorFlow's version do not count.

options:
  --tf1       give the script TensorFlow 1, whatever names it uses
  --tf2       give the script TensorFlow 2, whatever names it uses
  -h, --help  show this help
  --version   show the versions of this package, TensorFlow and Python, and
              which ops CPUs run, and why

example:
  python -m kmeans_estimator --tf1 train.py --steps=100
"""

import builtins
import importlib.machinery
import os
import re
import sys
import types
from typing import List, Optional

from kmeans_estimator import _script_names

_USAGE = """\
usage: python -m kmeans_estimator [--tf1 | --tf2] SCRIPT [ARGS...]
       python -m kmeans_estimator --help | --version"""
_VERSIONS = {'--tf1': 1, '--tf2': 2}
_CONTRIB = ('tensorflow.contrib', 'tensorflow.contrib.factorization')
_NO_ATTRIBUTE = re.compile(
    r"module '(tensorflow[\w.]*)' has no attribute '(\w+)'"
)
_NO_SUCH_IMPORT = re.compile(
    r"cannot import name '(\w+)' from '(tensorflow[\w.]*)'"
)
_PREFIX = re.compile(r'^tensorflow(\._api\.v2)?(\.compat\.v1)?\.?')
_MAX_NAMED = 3


def main():
  del sys.argv[0]
  version = None
  if sys.argv and sys.argv[0] in _VERSIONS:
    version = _VERSIONS[sys.argv.pop(0)]
  if not sys.argv:
    _refuse('SCRIPT is missing.')
  if version is None and sys.argv[0] in ('-h', '--help'):
    print(__doc__, end='')
    return
  if version is None and sys.argv[0] == '--version':
    # Must be set before TensorFlow is imported, or TensorFlow's log lines mix
    # with the output.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from kmeans_estimator import _about

    print(_about.versions())
    return
  if sys.argv[0].startswith('-'):
    _refuse(
        f'{sys.argv[0]} is not an option, or stands at the wrong place. '
        'Options of the program come after SCRIPT.'
    )
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
  _run(source, path, version)


def _refuse(reason):
  print(_USAGE, file=sys.stderr)
  print(f'python -m kmeans_estimator: {reason}', file=sys.stderr)
  sys.exit(2)


def _run(source, path, version):
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
  builtins.__import__ = importer = _Import(source, folder, version)
  try:
    exec(compile(source, path, 'exec', dont_inherit=True), vars(module))
  except BaseException:
    sys.excepthook = _ExceptHook(sys.excepthook, importer)
    raise


class _Import:
  """Replaces `__import__` to prepare TensorFlow before the script uses it."""

  def __init__(self, source, folder, version):
    self._import = builtins.__import__
    self._source = source
    self._folder = folder
    self._version = version
    self._names = []
    self._prepared = False
    self._as_tensorflow_1 = False

  def __call__(self, name, globals=None, locals=None, fromlist=(), level=0):
    # Prepare also before the script imports this package: its modules import
    # TensorFlow, but while they are half imported, it is too late to prepare.
    if name.partition('.')[0] in ('tensorflow', __package__) and not (
        level or self._prepared
    ):
      self._prepared = True
      self._prepare()
    module = self._import(name, globals, locals, fromlist, level)
    if (
        self._as_tensorflow_1
        and name in ('tensorflow', *_CONTRIB)
        and module is sys.modules['tensorflow']
        and self._is_users(globals)
    ):
      return module.compat.v1
    return module

  def _prepare(self):
    _restore_names()
    if self._version is None:
      self._names = _names_of_tensorflow_1(self._source, self._folder)
    self._as_tensorflow_1 = self._version == 1 or bool(self._names)
    if self._as_tensorflow_1:
      _become_tensorflow_1()

  def advice(self, error: BaseException) -> Optional[str]:
    """Returns advice if the script ran with the wrong TensorFlow; or None."""
    name = _missing_name(error)
    if name is None or not self._prepared or self._version is not None:
      return None
    # An import statement would call this object.
    given = sys.modules['tensorflow']
    other, flag = given.compat.v1, '--tf1'
    reason = (
        'TensorFlow 2: no name of TensorFlow 1 was found in the script and in '
        'the modules that it imports from its folder. For TensorFlow 1'
    )
    if self._as_tensorflow_1:
      given, other, flag = other, given, '--tf2'
      reason = (
          'TensorFlow 1: it uses names that TensorFlow 2 lacks, such as '
          f'{", ".join(self._names[:_MAX_NAMED])}. For TensorFlow 2'
      )
    if _has(given, name) or not _has(other, name):
      return None
    return (
        f'{__package__}: the program ran with {reason}: python -m '
        f'{__package__} {flag} {sys.argv[0]}'
    )

  def _is_users(self, importer):
    """Returns whether a module is the script or is in the script's folder."""
    name = (importer or {}).get('__name__', '')
    top = sys.modules.get(name.partition('.')[0])
    place = os.path.dirname(getattr(top, '__file__', None) or '')
    if hasattr(top, '__path__'):
      place = os.path.dirname(place)
    return name == '__main__' or place == self._folder


def _restore_names():
  """Restores Estimator and `contrib.factorization` in TensorFlow."""
  import tensorflow as tf

  from kmeans_estimator import estimator
  from kmeans_estimator import factorization

  estimator.restore_tf_estimator()
  contrib = types.ModuleType(_CONTRIB[0])
  contrib.__path__ = []
  vars(contrib).update(factorization=factorization)
  sys.modules.update(zip(_CONTRIB, (contrib, factorization)))
  tf.compat.v1.contrib = contrib


def _become_tensorflow_1():
  import tensorflow as tf

  logging = tf.compat.v1.logging
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  tf.compat.v1.disable_v2_behavior()
  logging.set_verbosity(verbosity)


def _names_of_tensorflow_1(source, folder):
  """Finds the names in a program that only TensorFlow 1 has."""
  import tensorflow as tf

  return sorted(
      name
      for name in _script_names.of_program(source, folder)
      if _has(tf.compat.v1, name) and not _has(tf, name)
  )


def _missing_name(error):
  """Returns the name in `tensorflow` that an error reports as missing."""
  if not isinstance(error, (AttributeError, ImportError)):
    return None
  for pattern, owner, name in (
      (_NO_ATTRIBUTE, 1, 2),
      (_NO_SUCH_IMPORT, 2, 1),
  ):
    match = pattern.match(str(error))
    if match:
      module = _PREFIX.sub('', match[owner])
      return '.'.join(filter(None, [module, match[name]]))
  return None


def _has(module, name):
  """Returns whether `module` has a dotted name."""
  value = module
  for part in name.split('.'):
    if not isinstance(value, (types.ModuleType, type)):
      return True
    try:
      value = getattr(value, part)
    except (AttributeError, ImportError):
      return False
  return True


class _ExceptHook:
  """An excepthook that prints the traceback that `python SCRIPT` would print.

  If the script ran with the wrong TensorFlow, it also prints how to change
  that.
  """

  def __init__(self, hook, importer):
    self._hook = hook
    self._importer = importer

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
    advice = self._importer.advice(error)
    if advice:
      print(advice, file=sys.stderr)

  def _cut(self, traceback):
    frames: List[types.TracebackType] = []
    while traceback:
      if traceback.tb_frame.f_code is _run.__code__:
        frames = []  # Drop the frames from the interpreter to the script.
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
