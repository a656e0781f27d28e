# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests loading of the native ops, and the messages if it fails."""

import os
import pathlib
from unittest import mock

import pytest
import tensorflow as tf

from kmeans_estimator.ops import native
from tests.helpers import running
from tests.helpers import testing


class LoadingTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(testing.temporary_folder(self))

  def _load(self, library):
    """Loads `library`; returns the outcome and the warnings."""
    with mock.patch.object(native, '_LIBRARY', library):
      with mock.patch.object(
          tf.compat.v1.logging, 'warning'
      ) as warning, mock.patch.dict(os.environ):
        os.environ.pop('KMEANS_ESTIMATOR_NATIVE', None)
        loading = native._load.__wrapped__()
    return loading, [
        call.args[0] % call.args[1:] for call in warning.mock_calls
    ]

  def _write(self, name, modified=None):
    path = self.folder / name
    path.write_text('no library')
    if modified is not None:
      os.utime(path, (modified, modified))
    return path

  def test_missing_library_is_reported_without_a_warning(self):
    library = self.folder / '_kernels.so'
    loading, warnings = self._load(library)
    self.assertIsNone(loading.library)
    self.assertIn('are not built', loading.failure)
    self.assertEmpty(warnings)

  def test_file_that_is_no_library_gives_a_warning(self):
    library = self._write('_kernels.so')
    loading, warnings = self._load(library)
    self.assertIsNone(loading.library)
    self.assertIn(f'{library} could not be loaded (', loading.failure)
    self.assertLen(warnings, 1)
    self.assertIn('uses its portable ops', warnings[0])
    self.assertIn(str(library), warnings[0])

  def test_library_older_than_its_sources_gives_a_warning(self):
    library = self._write('_kernels.so', 1000)
    self._write('simd.h', 1000)
    self._write('__init__.py', 1001)
    _, warnings = self._load(library)
    self.assertLen(warnings, 1)
    self._write('simd.h', 1001)
    _, warnings = self._load(library)
    self.assertLen(warnings, 2)
    self.assertRegex(
        warnings[0], 'older than their sources .* `python build_native.py`'
    )

  def test_library_in_use_is_as_new_as_its_sources(self):
    if native.is_available():
      self.assertFalse(native._is_stale())

  def test_state_of_this_process_is_consistent(self):
    if native.is_available():
      self.assertIsNone(native.unavailable_because())
      self.assertIn(
          native.instruction_set(), ['SSE2', 'AVX2', 'AVX-512', 'NEON']
      )
    else:
      self.assertIsNotNone(native.unavailable_because())
      self.assertIsNone(native.instruction_set())


@pytest.mark.slow
class VersionsTest(tf.test.TestCase):

  def _versions(self, **environment):
    result = running.run_forked(
        '-m', 'kmeans_estimator', '--version', **environment
    )
    self.assertEqual(result.status, 0, result.err)
    return result.out.splitlines()

  def test_versions_describe_this_process(self):
    lines = self._versions()
    self.assertLen(lines, 4)
    self.assertStartsWith(lines[0], 'kmeans_estimator ')
    self.assertEqual(lines[1], f'TensorFlow {tf.__version__}')
    self.assertRegex(lines[2], r'^Python 3\.\d+\.\d+')
    self.assertEqual(
        lines[3],
        f'ops on CPUs: native, {native.instruction_set()}'
        if native.is_available()
        else f'ops on CPUs: portable: {native.unavailable_because()}',
    )

  def test_versions_say_that_native_ops_are_disabled(self):
    lines = self._versions(KMEANS_ESTIMATOR_NATIVE='0')
    self.assertEqual(
        lines[3],
        'ops on CPUs: portable: KMEANS_ESTIMATOR_NATIVE=0 disables the native '
        'ops',
    )


if __name__ == '__main__':
  tf.test.main()
