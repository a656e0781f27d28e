# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of `pip install`, with and without a C++ compiler."""

import os
import pathlib
import shutil
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
import pytest

import build_native
from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow

_ROOT = pathlib.Path(running.ROOT)
_LIBRARY = pathlib.Path('kmeans_estimator', 'ops', 'native', '_kernels.so')
_NO_COMPILER = {'CC': 'false', 'CXX': 'false'}
_QUICKLY = {'CXXFLAGS': '-O0'}

# Prints the package's folder, whether native ops are available and why not, and
# the centers of a step.
_PROGRAM = """
import os
import numpy as np
import tensorflow as tf
import kmeans_estimator
from kmeans_estimator.ops import native
from kmeans_estimator.ops import clustering_ops

print(os.path.dirname(os.path.dirname(kmeans_estimator.__file__)))
print(native.is_available(), native.unavailable_because())
with tf.Graph().as_default():
  points = tf.constant([[0.], [2.], [9.], [11.]])
  centers = np.array([[1.], [9.]], np.float32)
  *_, initialized, init, train = clustering_ops.KMeans(
      points, 2, centers, use_mini_batch=False).training_graph()
  with tf.compat.v1.Session() as session:
    session.run(tf.compat.v1.global_variables_initializer())
    session.run(init)
    session.run(train)
    trained, = tf.compat.v1.global_variables('clusters')
    print(session.run(trained).round(3).tolist())
"""


def _has_compiler():
  try:
    build_native.machine_of(build_native.compiler_command())
  except build_native.BuildError:
    return False
  return True


def _sources():
  """What the repository holds; in a source distribution, all that it holds."""
  if (_ROOT / '.git').exists():
    listed = subprocess.run(
        ['git', 'ls-files'],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    names = listed.stdout.splitlines()
    return [name for name in names if (_ROOT / name).exists()]
  return [
      str(path.relative_to(_ROOT))
      for path in _ROOT.rglob('*')
      if path.is_file()
      and path.suffix not in ('.pyc', '.so')
      and not any(
          part.endswith(('_cache', '.egg-info', '.hypothesis'))
          for part in path.parts
      )
  ]


class PackagingTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    # pip and setuptools write files next to setup.py, so test a copy.
    self.checkout = pathlib.Path(testing.temporary_folder(self))
    for name in (
        'LICENSE',
        'MANIFEST.in',
        'README.md',
        'build_native.py',
        'pyproject.toml',
        'setup.py',
    ):
      shutil.copy(_ROOT / name, self.checkout)
    shutil.copytree(
        _ROOT / 'kmeans_estimator',
        self.checkout / 'kmeans_estimator',
        ignore=shutil.ignore_patterns('__pycache__', '*.so'),
    )

  def _run(self, *command, **environment):
    process = subprocess.run(
        [sys.executable, *command],
        cwd=self.checkout,
        # An inherited PIP_QUIET would cancel --verbose.
        env={**os.environ, 'PIP_QUIET': '0', **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    self.assertEqual(process.returncode, 0, process.stdout)
    return process.stdout

  def _install(self, **environment):
    """Installs the package; returns the folder and the output of pip."""
    folder = pathlib.Path(testing.temporary_folder(self))
    output = self._run(
        *('-m', 'pip', 'install', '--verbose', '--disable-pip-version-check'),
        *('--no-deps', '--no-build-isolation', '--target', str(folder), '.'),
        **environment,
    )
    return folder, output

  def _tags(self, folder):
    wheel, = folder.glob('kmeans_estimator-*.dist-info/WHEEL')
    return [
        line.partition(': ')[2]
        for line in wheel.read_text('utf-8').splitlines()
        if line.startswith('Tag: ')
    ]

  def _run_program(self, folder):
    """Runs _PROGRAM with the installed package; returns its second line."""
    result = running.run_forked(
        '-c', _PROGRAM, cwd=str(folder), PYTHONPATH=str(folder)
    )
    self.assertEqual(result.status, 0, result.err)
    place, state, centers = result.out.splitlines()
    self.assertTrue(os.path.samefile(place, folder), place)
    self.assertEqual(centers, '[[1.0], [10.0]]')
    return state

  def test_installs_portable_ops_without_a_compiler(self):
    folder, output = self._install(**_NO_COMPILER)
    self.assertIn('installed without its native ops', output)
    self.assertFalse((folder / _LIBRARY).exists())
    self.assertEqual(self._tags(folder), ['py3-none-any'])
    state = self._run_program(folder)
    self.assertStartsWith(state, 'False the native ops are not built')

  def test_installs_native_ops_with_a_compiler(self):
    if not _has_compiler():
      self.skipTest('There is no C++ compiler.')
    folder, output = self._install(**_QUICKLY)
    self.assertNotIn('installed without its native ops', output)
    tag, = self._tags(folder)
    self.assertStartsWith(tag, 'py3-none-')
    self.assertNotEqual(tag, 'py3-none-any')
    sources = {
        path.name
        for path in (folder / _LIBRARY).parent.iterdir()
        if path.suffix not in ('.py', '.so', '')
    }
    self.assertEmpty(sources)
    self.assertFalse((folder / 'build_native.py').exists())
    self.assertEqual(self._run_program(folder), 'True None')

  def test_in_place_build_without_a_compiler_removes_the_old_library(self):
    library = self.checkout / _LIBRARY
    library.write_text('of an earlier build')
    command = ('setup.py', 'build_ext', '--inplace')
    if _has_compiler():
      self._run(*command, **_QUICKLY)
      self.assertStartsWith(library.read_bytes(), b'\x7fELF')
    output = self._run(*command, **_NO_COMPILER)
    self.assertIn('false -dumpmachine', output)
    self.assertFalse(library.exists())

  def test_tests_run_from_the_source_distribution(self):
    sources = _sources()
    for path in sources:
      (self.checkout / path).parent.mkdir(parents=True, exist_ok=True)
      shutil.copy(_ROOT / path, self.checkout / path)
    self._run('setup.py', '--quiet', 'sdist', '--formats', 'gztar')
    archive, = self.checkout.glob('dist/*.tar.gz')
    folder = pathlib.Path(testing.temporary_folder(self))
    shutil.unpack_archive(archive, folder)
    self.checkout, = folder.iterdir()
    self.assertEmpty(
        [path for path in sources if not (self.checkout / path).exists()]
    )
    # Imports every file of tests, and runs some of them. pytest does not
    # compile their assertions, which is slow.
    result = running.run_forked(
        *('-m', 'pytest', '-q', '-n', '0', '-p', 'no:cacheprovider'),
        '--assert=plain',
        *('-k', 'CommandsTest or ImportsTest or CheckReleaseTest'),
        cwd=str(self.checkout),
        PYTEST_ADDOPTS='',
        PYTHONPATH='',
    )
    self.assertEqual(result.status, 0, result.out + result.err)
    self.assertRegex(result.out, r'\d\d passed, \d{3,} deselected')


class BuildTest(absltest.TestCase):

  def test_unsupported_machine_is_refused(self):
    with self.assertRaisesRegex(
        build_native.BuildError,
        'can be built for aarch64, arm64, x86_64, but .* code for riscv64',
    ):
      build_native.objects('riscv64')

  def test_error_contains_the_output_of_the_compiler(self):
    with self.assertRaisesRegex(
        build_native.BuildError, r"(?s)status 3:\n.*sys.exit\(3\).*\nno good\n"
    ):
      build_native.run([
          *(sys.executable, '-c'),
          'import sys; print("no good", file=sys.stderr); sys.exit(3)',
      ])

  def test_compiler_gets_the_options_of_the_environment(self):
    if not _has_compiler():
      self.skipTest('There is no C++ compiler.')
    library = pathlib.Path(testing.temporary_folder(self), '_kernels.so')
    for variable in ('CFLAGS', 'CXXFLAGS'):
      environment = {'CXXFLAGS': '', variable: '-no-such-option'}
      with mock.patch.dict(os.environ, environment):
        if variable == 'CFLAGS':
          del os.environ['CXXFLAGS']
        with self.assertRaisesRegex(
            build_native.BuildError, '-no-such-option'
        ):
          build_native.build(library)
    self.assertEmpty(list(library.parent.iterdir()))

  def test_missing_compiler_is_named(self):
    with self.assertRaisesRegex(
        build_native.BuildError, '^no-such-program cannot be run: '
    ):
      build_native.run(['no-such-program'])


if __name__ == '__main__':
  absltest.main()
