# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that a forked process runs Python as a new interpreter does."""

import os
import signal

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

_MODULES = """
import sys
print(*sorted(
    {'tensorflow', 'tests', 'kmeans_estimator'} & set(sys.modules)))
"""

_PARENT = """
import os, signal, subprocess, sys
from tests.helpers import running

def start(*args):
  return popen(
      [sys.executable, '-c', *args], env={**os.environ, 'COLOUR': 'blue'},
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

popen = eval(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print('not twice')
child = start(sys.argv[2], '3')
print(child.communicate(), child.returncode)
child = start('print(1, flush=True); import time; time.sleep(60)')
print(child.stdout.readline())
child.terminate()
print(child.wait())
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

  @parameterized.parameters(
      'raise KeyboardInterrupt', 'raise SystemExit', 'raise SystemExit("no")'
  )
  def test_program_ends_as_in_a_new_interpreter(self, program):
    expected = running.run('-c', program)
    found = running.run_forked('-c', program)
    self.assertEqual(found.status, expected.status)
    self.assertEqual(
        found.err.splitlines()[-1:], expected.err.splitlines()[-1:]
    )

  def test_neither_this_package_nor_tests_are_imported(self):
    result = running.run_forked('-c', _MODULES)
    self.assertEqual(result.out.split(), ['tensorflow'], result.err)

  def test_given_path_replaces_that_of_this_package(self):
    folder = testing.temporary_folder(self)
    with open(os.path.join(folder, 'kmeans_estimator.py'), 'w') as f:
      f.write('answer = 42')
    result = running.run_forked(
        '-c', 'import sys, kmeans_estimator; print(kmeans_estimator.answer)\n'
        'print(sys.argv[1] in sys.path)', running.ROOT,
        cwd=testing.temporary_folder(self), PYTHONPATH=folder,
    )  # pyformat: disable
    self.assertEqual(result.out, '42\nFalse\n', result.err)


class StartForkedTest(absltest.TestCase):

  def test_program_has_pipes_and_gets_signals(self):
    program = running.start_forked(
        '-c', 'print(input(), flush=True); raise ValueError(input())'
    )
    self.addCleanup(program.close)
    program.stdin.write('to and fro\n')
    program.stdin.flush()
    self.assertEqual(program.stdout.readline(), 'to and fro\n')
    self.assertIsNone(program.wait(0))
    program.stdin.write('error\n')
    program.stdin.flush()
    self.assertEndsWith(program.stderr.read(), 'ValueError: error\n')
    self.assertEqual(program.wait(), 1)

    hanging = running.start_forked('-c', 'input()')
    self.addCleanup(hanging.close)
    hanging.send_signal(signal.SIGTERM)
    self.assertEqual(hanging.wait(), -signal.SIGTERM)


class ForkingPopenTest(absltest.TestCase):

  def test_processes_are_like_new_ones(self):
    started, forked = (
        running.run_forked('-c', _PARENT, popen, _PROGRAM)
        for popen in ('subprocess.Popen', 'running.ForkingPopen')
    )
    self.assertEqual(started.status, 0, started.err)
    self.assertEqual(forked.out, started.out, forked.err)
    self.assertEndsWith(forked.out, f'{-signal.SIGTERM}\n')


if __name__ == '__main__':
  absltest.main()
