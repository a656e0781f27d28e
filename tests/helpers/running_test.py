# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that a forked process runs Python as a new interpreter does."""

import os

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow

_PROGRAM = """
import os, sys
print(__name__, sys.argv, sys.path[0], os.getcwd(), os.environ['COLOUR'])
print('to stderr', file=sys.stderr)
sys.exit(int(sys.argv[-1]))
"""


class RunForkedTest(parameterized.TestCase):

  @parameterized.parameters(('0',), ('3',))
  def test_command_and_script_run_as_in_a_new_interpreter(self, status):
    folder = testing.temporary_folder(self)
    script = os.path.join(folder, 'script.py')
    with open(script, 'w', encoding='utf-8') as f:
      f.write(_PROGRAM)
    for command in ('-c', _PROGRAM, 'a', status), (script, 'b', status):
      expected = running.run(*command, cwd=folder, COLOUR='red')
      self.assertEqual(expected.status, int(status))
      self.assertEqual(
          running.run_forked(*command, cwd=folder, COLOUR='red'), expected
      )

  def test_module_runs_as_in_a_new_interpreter(self):
    command = '-m', 'json.tool', '--no-such-flag'
    expected = running.run(*command)
    self.assertEqual(expected.status, 2)
    self.assertEqual(running.run_forked(*command), expected)

  def test_exception_gives_exit_status_1(self):
    result = running.run_forked('-c', '1 / 0')
    self.assertEqual(result.status, 1)
    self.assertEndsWith(
        result.err.strip(), 'ZeroDivisionError: division by zero'
    )


if __name__ == '__main__':
  absltest.main()
