# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the contents of the package that setup.py builds."""

import os

from absl.testing import absltest
import pytest

import kmeans_estimator
from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow

# Runs setup.py with an `import tensorflow` that fails, as in a build
# environment.
_SETUP = """
import runpy, sys
sys.modules['tensorflow'] = None
runpy.run_path('setup.py', run_name='__main__')
"""


def _setup(*args):
  result = running.run('-c', _SETUP, *args, cwd=running.ROOT)
  assert not result.status, result.err
  return result.out


class PackageTest(absltest.TestCase):

  def test_version_equals_that_of_the_package(self):
    self.assertEqual(
        _setup('--version').split()[-1], kmeans_estimator.__version__
    )

  def test_packages_every_module_and_py_typed(self):
    folder = testing.temporary_folder(self)
    _setup('--quiet', 'build_py', '--build-lib', folder)
    source = os.path.join(running.ROOT, 'kmeans_estimator')
    wanted = {
        os.path.relpath(os.path.join(place, file), running.ROOT)
        for place, _, files in os.walk(source)
        for file in files
        if file.endswith(('.py', '.typed'))
    }
    packaged = {
        os.path.relpath(os.path.join(place, file), folder)
        for place, _, files in os.walk(folder)
        for file in files
    }
    self.assertIn(os.path.join('kmeans_estimator', 'py.typed'), packaged)
    self.assertContainsSubset(wanted, packaged)


if __name__ == '__main__':
  absltest.main()
