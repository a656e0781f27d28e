# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of what releases the package: workflows, versions, metadata."""

import ast
import importlib.util
import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized
import yaml

import kmeans_estimator
from tests.helpers import running

_ROOT = pathlib.Path(running.ROOT)
_VERSION = kmeans_estimator.__version__


def _check_release():
  path = _ROOT / '.ci' / 'check_release.py'
  spec = importlib.util.spec_from_file_location('check_release', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _workflow(name):
  path = _ROOT / '.github' / 'workflows' / f'{name}.yml'
  return yaml.safe_load(path.read_text('utf-8'))


def _commands(workflow):
  return [
      step['run']
      for job in workflow['jobs'].values()
      for step in job.get('steps', [])
      if 'run' in step
  ]


def _noxfile():
  return ast.parse((_ROOT / 'noxfile.py').read_text('utf-8'))


class CheckReleaseTest(parameterized.TestCase):

  def _problems(self, tag='v1.2.0', version='1.2.0', cited='1.2.0',
                latest='1.2.0 (2026-11-21)'):  # pyformat: disable
    files = {
        'kmeans_estimator/__init__.py': f"a = 1\n__version__ = '{version}'\n",
        'CITATION.cff': f'cff-version: 1.2.0\nversion: {cited}\n',
        'CHANGELOG.md': f'# Changes\n\n## {latest}\n\n## 1.1.0 (2026-01-01)\n',
    }
    return list(_check_release().problems(tag, files.__getitem__))

  def test_equal_versions_pass(self):
    self.assertEmpty(self._problems())

  @parameterized.parameters(
      (dict(tag='v1.2.1'), r'The tag is v1\.2\.1, but .* is 1\.2\.0'),
      (dict(tag='1.2.0'), r'The tag must be v1\.2\.0'),
      (dict(cited='1.1.0'), r'CITATION\.cff has version 1\.1\.0'),
      (dict(latest='1.2.0 (unreleased)'), r'1\.2\.0 \(YYYY-MM-DD\)'),
      (dict(latest='1.1.9 (2026-11-21)'), r"begins with '1\.1\.9 "),
  )
  def test_each_disagreement_is_reported(self, change, message):
    [problem] = self._problems(**change)
    self.assertRegex(problem, message)

  def test_files_of_the_package_agree(self):
    found = '\n'.join(
        _check_release().problems(
            f'v{_VERSION}', lambda path: (_ROOT / path).read_text('utf-8')
        )
    )
    # Until the day of the release the changelog has no date.
    self.assertNotIn('The tag', found)
    self.assertNotIn('CITATION', found)

  def test_command_fails_for_the_wrong_tag(self):
    script = str(_ROOT / '.ci' / 'check_release.py')
    result = running.run(script, 'v0.0.0')
    self.assertEqual(result.status, 1)
    self.assertIn('The tag is v0.0.0', result.err)
    self.assertEqual(running.run(script).status, 1)


class ChangelogTest(absltest.TestCase):

  def test_headings_follow_the_format(self):
    text = (_ROOT / 'CHANGELOG.md').read_text('utf-8')
    versions = re.findall(r'^## (.*)$', text, re.MULTILINE)
    self.assertStartsWith(versions[0], f'{_VERSION} (')
    for version in versions:
      self.assertRegex(
          version, r'^\d+\.\d+\.\d+ \((unreleased|\d{4}-\d\d-\d\d)\)$'
      )
    self.assertContainsSubset(
        re.findall(r'^### (.*)$', text, re.MULTILINE),
        ['Added', 'Changed', 'Fixed', 'Removed', 'Deprecated', 'Security'],
    )


class WorkflowsTest(absltest.TestCase):

  def test_tests_run_on_both_ends(self):
    [pythons] = [
        ast.literal_eval(node.value)
        for node in _noxfile().body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == '_PYTHON_OF_TENSORFLOW'
    ]
    tests = _workflow('tests')['jobs']['tests']
    ends = {
        job['tensorflow']: job['python']
        for job in tests['strategy']['matrix']['include']
    }
    self.assertEqual(list(ends), ['2.15', list(pythons)[-1]])
    for tensorflow, python in ends.items():
      self.assertEqual(pythons[tensorflow], python)

  def test_sessions_of_nox_exist(self):
    sessions = {
        node.name
        for node in _noxfile().body
        if isinstance(node, ast.FunctionDef)
    }
    named = {
        session
        for name in ('docs', 'tests', 'wheels')
        for command in _commands(_workflow(name))
        for session in re.findall(r'nox -s "?(\w+)', command)
    }
    self.assertContainsSubset(named, sessions)
    self.assertEqual(named, {'docs', 'lint', 'sdist', 'tests'})

  def test_release_checks_the_tag_and_builds_what_wheels_builds(self):
    release = _workflow('release')
    # YAML reads the key `on` as a bool.
    self.assertEqual(release[True], {'push': {'tags': ['v*']}})
    self.assertIn(
        'python .ci/check_release.py "$GITHUB_REF_NAME"', _commands(release)
    )
    jobs = release['jobs']
    self.assertEqual(jobs['build']['needs'], 'version')
    self.assertEqual(jobs['build']['uses'], './.github/workflows/wheels.yml')
    self.assertEqual(jobs['publish']['needs'], 'build')
    self.assertIn('workflow_call', _workflow('wheels')[True])

  def test_wheels_are_built_for_each_platform(self):
    systems = _workflow('wheels')['jobs']['wheels']['strategy']['matrix']['os']
    self.assertCountEqual(
        systems,
        ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15-intel', 'macos-15'],
    )

  def test_no_workflow_may_write_but_the_one_that_publishes(self):
    for path in (_ROOT / '.github' / 'workflows').iterdir():
      workflow = _workflow(path.stem)
      self.assertEqual(workflow['permissions'], {'contents': 'read'})
      for name, job in workflow['jobs'].items():
        expected = {'id-token': 'write'} if name == 'publish' else None
        self.assertEqual(job.get('permissions'), expected)


if __name__ == '__main__':
  absltest.main()
