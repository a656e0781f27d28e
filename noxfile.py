# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs all tests on every supported TensorFlow, and tabulates the outcome.

`nox` runs all sessions, `nox -s "tests(2.16)" table` one version and the table
of all versions run so far.
"""

import pathlib
import xml.etree.ElementTree

import nox

nox.options.sessions = ['lint', 'tests', 'table']

_PYTHON_OF_TENSORFLOW = {
    '2.13': '3.9',
    '2.15': '3.11',
    '2.16': '3.11',
    '2.18': '3.12',
    '2.20': '3.13',
    '2.21': '3.13',
}
_REPORTS = pathlib.Path(__file__).parent / '.nox' / 'reports'

# As in .ci/run.
_SPHINX = '--fail-on-warning --keep-going --fresh-env docs docs/_build/html'

_VERSIONS = """
import platform, tensorflow
print(tensorflow.__version__, platform.python_version())
"""


@nox.session
@nox.parametrize(
    'python,tensorflow',
    [
        nox.param(python, tensorflow, id=tensorflow)
        for tensorflow, python in _PYTHON_OF_TENSORFLOW.items()
    ],
)
def tests(session, tensorflow):
  """Runs the tests; arguments after -- go to pytest."""
  session.env.update(CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='2')
  # At once, so that pip finds versions that fit both.
  session.install('-e', '.[test]', f'tensorflow=={tensorflow}.*')
  versions = session.run('python', '-c', _VERSIONS, silent=True)
  if versions is None:  # nox --install-only
    return
  report = _REPORTS / f'{tensorflow}.xml'
  report.parent.mkdir(parents=True, exist_ok=True)
  session.run(
      'python',
      '-m',
      'pytest',
      f'--junitxml={report}',
      '-o',
      f'junit_suite_name={versions.strip().splitlines()[-1]}',
      *session.posargs,
  )


@nox.session(venv_backend='none')
def table(session):
  """Prints what the last run on each version gave, as Markdown."""
  rows = [
      '| TensorFlow | Python | passed | failed |',
      '| --- | --- | --- | --- |',
  ]
  for tensorflow in _PYTHON_OF_TENSORFLOW:
    report = _REPORTS / f'{tensorflow}.xml'
    if not report.exists():
      rows.append(f'| {tensorflow} | not run | | |')
      continue
    suite = xml.etree.ElementTree.parse(report).getroot().find('testsuite')
    count = {
        outcome: int(suite.get(outcome))
        for outcome in ('tests', 'failures', 'errors', 'skipped')
    }
    failed = count['failures'] + count['errors']
    passed = count['tests'] - failed - count['skipped']
    rows.append(
        f"| {suite.get('name').replace(' ', ' | ')} | {passed} | {failed} |"
    )
  print('\n'.join(rows))


@nox.session
def docs(session):
  """Builds the documentation, in docs/_build/html; warnings are errors."""
  session.install('.[docs]')
  session.run('python', '-m', 'sphinx', *_SPHINX.split())


@nox.session
def lint(session):
  """Runs ruff and mypy."""
  session.install('.[lint]')
  session.run('ruff', 'check', '.')
  session.run('mypy')
