# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that the documents, noxfile.py and .ci/run state the same commands."""

import ast
import pathlib
import re

from absl.testing import absltest

from tests.helpers import running


def _read(name):
  return pathlib.Path(running.ROOT, name).read_text('utf-8')


def _pythons_of_nox():
  """Maps each TensorFlow that has a nox session to the session's Python."""
  for node in ast.parse(_read('noxfile.py')).body:
    if isinstance(node, ast.Assign):
      if ast.unparse(node.targets[0]) == '_PYTHON_OF_TENSORFLOW':
        return ast.literal_eval(node.value)
  raise AssertionError('noxfile.py has no _PYTHON_OF_TENSORFLOW.')


class CommandsTest(absltest.TestCase):

  def test_ci_runs_the_command_of_readme(self):
    [command] = re.findall(
        r"^(.*pip install -e '\.\[test\]'.*pytest.*)$",
        _read('README.md'),
        re.MULTILINE,
    )
    lines = [line.strip() for line in _read('.ci/run').splitlines()]
    self.assertIn(command, lines)

  def test_ci_builds_the_docs_as_nox_does(self):
    [command] = re.findall(r'python" (-m sphinx [^|]*) ', _read('.ci/run'))
    self.assertIn(f"= '{command[len('-m sphinx '):]}'\n", _read('noxfile.py'))

  def test_ci_uses_no_eval(self):
    self.assertNotRegex(_read('.ci/run'), r'\beval\b')

  def test_docs_have_a_row_for_each_session_of_nox(self):
    page = _read('docs/getting_started.md')
    _, _, section = page.partition('\n## Versions\n')
    rows = re.findall(
        r'^\| (2\.\d+)\.\d+ \| (3\.\d+)\.\d+ \|', section, re.MULTILINE
    )
    self.assertEqual(rows, list(_pythons_of_nox().items()))

  def test_contributing_names_the_sessions_of_nox(self):
    [sentence] = re.findall(
        r'`noxfile\.py` has a session for each of ([^:]*)',
        ' '.join(_read('CONTRIBUTING.md').split()),
    )
    self.assertEqual(
        re.findall(r'2\.\d+', sentence), list(_pythons_of_nox())
    )


if __name__ == '__main__':
  absltest.main()
