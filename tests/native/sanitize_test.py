# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of `sanitize.py` on fewer batches than the script."""

import pathlib
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import build_native
from tests.helpers import testing
from tests.native import sanitize

pytestmark = pytest.mark.slow


def _machine():
  """Returns the machine that a compiler generates code for, or None."""
  try:
    return build_native.machine_of(build_native.compiler_command())
  except build_native.BuildError:
    return None


class SanitizeTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    machine = _machine()
    if machine is None:
      raise unittest.SkipTest('There is no C++ compiler.')
    cls.folder = pathlib.Path(testing.folder_of_class(cls))
    cls.compiler = build_native.compiler_command()
    cls.programs = sanitize.programs(machine)
    cls.paths = sanitize.build(
        cls.programs, cls.compiler, 'address,undefined', cls.folder, '-O0'
    )

  def test_optimizing_compiler_gives_no_warning(self):
    build_native.compile_all(
        self.compiler,
        self.programs[0].objects,
        [*sanitize.WARNINGS, '-O1'],
        pathlib.Path(testing.temporary_folder(self)),
    )

  @parameterized.parameters(0, 1)
  def test_program_passes_on_every_instruction_set(self, number):
    path = self.paths[number]
    passed = []
    for name, status, output in sanitize.run(path, [], 75, seed=number):
      if status != sanitize.NOT_ON_THIS_MACHINE:
        self.assertEqual(status, 0, f'{name}: {output}')
        passed.append(name)
    self.assertNotEmpty(passed)


if __name__ == '__main__':
  absltest.main()
