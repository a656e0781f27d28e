# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/distributed, and reads the configurations that it shows."""

import json
import os
import pathlib
import re
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from kmeans_estimator import estimator
from tests import running
from tests import testing

pytestmark = pytest.mark.slow

_FOLDER = pathlib.Path(running.ROOT, 'examples', 'distributed')


def _processes_that_name(text):
  command_lines = []
  for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
    try:
      command_lines.append(path.read_text())
    except OSError:  # It has ended.
      pass
  return [line for line in command_lines if text in line]


class ClusterTest(parameterized.TestCase):

  @parameterized.parameters(
      ('parameter_server', 2), ('multi_worker', 1), ('multi_worker', 2)
  )
  def test_trains_reports_and_stops(self, kind, workers):
    folder = testing.temporary_folder(self)
    # Where the models go, so that tasks are known by it.
    result = running.run(
        str(_FOLDER / 'cluster.py'), '--kinds', kind,
        '--workers', str(workers), '--seconds', '1',
        TMPDIR=folder,
    )  # pyformat: disable
    self.assertEqual(result.status, 0, result.err)
    for name in ['chief0', 'evaluator0'] + ['worker0'] * (workers - 1):
      self.assertRegex(result.out, f'\n{name} .*loss = ')
    [rows] = re.findall(rf'\n{kind} +{workers} +(\d+)', result.out)
    self.assertGreater(int(rows), 0)
    self.assertEmpty(_processes_that_name(folder))
    self.assertEmpty(os.listdir(folder))

  def test_task_that_fails_stops_all(self):
    folder = testing.temporary_folder(self)
    with open(os.path.join(folder, 'tensorflow.py'), 'w') as file:
      file.write('raise ImportError("as the test wants it")')
    result = running.run(
        str(_FOLDER / 'cluster.py'), TMPDIR=folder, PYTHONPATH=folder
    )
    self.assertEqual(result.status, 1)
    self.assertRegex(result.err, r'RuntimeError: \w+0 ended:')
    self.assertIn('ImportError: as the test wants it', result.err)
    self.assertEmpty(_processes_that_name(folder))


class ConfigurationTest(absltest.TestCase):

  def _check(self, tf_config, job, index):
    with mock.patch.dict(os.environ, TF_CONFIG=tf_config):
      config = estimator.RunConfig()
    self.assertEqual((config.task_type, config.task_id), (job, index))
    # The evaluator is on its own; the chief is one of those that train.
    alone = job == 'evaluator'
    self.assertEqual(config.num_ps_replicas, 0 if alone else 1)
    self.assertEqual(config.num_worker_replicas, 0 if alone else 3)

  def test_real_machines(self):
    text = (_FOLDER / 'README.md').read_text()
    [shown] = re.findall(r"export TF_CONFIG='(.*?)'", text, re.DOTALL)
    tf_config = json.loads(shown)
    tasks = re.findall(r'^\| ([\d.]+) \| `(\{.*\})` \|$', text, re.MULTILINE)
    tasks.append(('10.0.0.1', json.dumps(tf_config['task'])))
    for machine, task in tasks:
      task = json.loads(task)
      self._check(
          json.dumps({**tf_config, 'task': task}), task['type'], task['index']
      )
      address = tf_config['cluster'][task['type']][task['index']]
      self.assertEqual(address, machine + ':2222')
    self.assertLen(tasks, sum(map(len, tf_config['cluster'].values())))

  def test_kubernetes(self):
    text = (_FOLDER / 'kubernetes.yaml').read_text()
    [cluster] = re.findall(r'cluster: >-\n(.*?)\n---', text, re.DOTALL)
    jobs = re.findall(
        r'name: (kmeans-(\w+))\nspec:.*?completions: (\d).*?parallelism: (\d)'
        r".*?name: TF_CONFIG\n *value: '(.*?)'\n",
        text,
        re.DOTALL,
    )
    self.assertCountEqual([job for _, job, *_ in jobs], json.loads(cluster))
    for name, job, completions, parallelism, value in jobs:
      self.assertEqual(completions, parallelism)
      addresses = json.loads(cluster)[job]
      self.assertLen(addresses, int(completions))
      for index, address in enumerate(addresses):
        self.assertEqual(address, f'{name}-{index}.kmeans:2222')
        tf_config = value.replace('$(CLUSTER)', cluster)
        self._check(tf_config.replace('$(INDEX)', str(index)), job, index)


if __name__ == '__main__':
  absltest.main()
