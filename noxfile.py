# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs all tests on every supported TensorFlow, and prints a table of results.

`nox` runs the sessions lint, tests and table: all checks, the tests on every
TensorFlow, and the table. `nox -s "tests(2.16)" table` runs the tests on
TensorFlow 2.16, and prints the latest results of all versions. `nox -s sdist`
builds the source distribution and runs the tests from it.
"""

import pathlib
import shutil
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
_ROOT = pathlib.Path(__file__).parent
_REPORTS = _ROOT / '.nox' / 'reports'

# The same arguments as in .ci/run; tests/commands_test.py compares them.
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
  """Runs the tests; passes the arguments after -- to pytest."""
  session.env.update(CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='2')
  # Install both with one command, so that pip chooses versions that fit both.
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
  """Prints the result of the last run on each TensorFlow, in Markdown."""
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
  """Runs ruff and mypy, and checks the workflows."""
  session.install('.[lint]')
  session.run('ruff', 'check', '.')
  session.run('mypy')
  workflows = (_ROOT / '.github' / 'workflows').glob('*.yml')
  session.run(
      'check-jsonschema',
      '--builtin-schema=vendor.github-workflows',
      *map(str, workflows),
  )


@nox.session
def sdist(session):
  """Builds the source distribution into dist/, and runs the tests from it."""
  session.env.update(CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='2')
  session.install('build', 'twine')
  folder = pathlib.Path(session.create_tmp(), 'sdist')
  shutil.rmtree(folder, ignore_errors=True)
  session.run('python', '-m', 'build', '--sdist', '--outdir', str(folder))
  [archive] = folder.glob('*.tar.gz')
  session.run('python', '-m', 'twine', 'check', '--strict', str(archive))
  (_ROOT / 'dist').mkdir(exist_ok=True)
  shutil.copy(archive, _ROOT / 'dist')
  shutil.unpack_archive(archive, folder)
  [unpacked] = (path for path in folder.iterdir() if path.is_dir())
  session.chdir(unpacked)
  session.install('-e', '.[test]')
  session.run('python', '-m', 'pytest', *session.posargs)
