# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of `sanitize.py` on fewer batches than the script."""

import pathlib

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

  @parameterized.parameters(0, 1)
  def test_program_passes_on_every_instruction_set(self, number):
    machine = _machine()
    if machine is None:
      self.skipTest('There is no C++ compiler.')
    program = sanitize.programs(machine)[number]
    path = sanitize.build(
        program,
        build_native.compiler_command(),
        'address,undefined',
        pathlib.Path(testing.temporary_folder(self)),
    )
    passed = []
    for name, status, output in sanitize.run(path, [], cases=150, seed=1):
      if status != sanitize.NOT_ON_THIS_MACHINE:
        self.assertEqual(status, 0, f'{name}: {output}')
        passed.append(name)
    self.assertNotEmpty(passed)


if __name__ == '__main__':
  absltest.main()
