# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/distributed, and checks its configuration files."""

import json
import os
import pathlib
import re
import signal
import threading
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import kubernetes_validate
import pytest
import tensorflow as tf
import yaml

from kmeans_estimator import estimator
from tests.distribution import processes
from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow

_FOLDER = pathlib.Path(running.ROOT, 'examples', 'distributed')


# Runs a script. Workers of its Estimators start at once: tests start them when
# the chief is ready, for which they would otherwise wait 5 seconds.
_WITHOUT_DELAY = """
import runpy, sys
from kmeans_estimator import estimator
from tensorflow_estimator.python.estimator import training
training._MAX_DELAY_SECS = 0
del sys.argv[0]
"""
_RUN = """
runpy.run_path(sys.argv[0], run_name='__main__')
"""
_TRAIN = _WITHOUT_DELAY + _RUN
# cluster.py, whose tasks do not import TensorFlow each for itself.
_CLUSTER = _WITHOUT_DELAY + """
import subprocess
from tests.helpers import running
subprocess.Popen = running.ForkingPopen
""" + _RUN


def _processes_in(folder):
  """Returns the ids of the processes that work in a folder."""
  found = []
  for path in pathlib.Path('/proc').glob('[0-9]*/cwd'):
    try:
      if os.path.samefile(path, folder):
        found.append(path.parent.name)
    except OSError:  # The process has ended, or is not ours.
      pass
  return found


class ClusterTest(parameterized.TestCase):

  @parameterized.parameters(
      ('parameter_server', 2), ('multi_worker', 1), ('multi_worker', 2)
  )
  def test_cluster_trains_reports_its_speed_and_stops(self, kind, workers):
    folder = testing.temporary_folder(self)
    # The tasks and their models are in this folder.
    result = running.run_forked(
        *('-c', _CLUSTER, str(_FOLDER / 'cluster.py'), '--kinds', kind),
        *('--workers', str(workers), '--seconds', '0.2'),
        cwd=folder, TMPDIR=folder,
    )  # pyformat: disable
    self.assertEqual(result.status, 0, result.err)
    for name in ['chief0', 'evaluator0'] + ['worker0'] * (workers - 1):
      self.assertRegex(result.out, f'\n{name} .*loss = ')
    [rows] = re.findall(rf'\n{kind} +{workers} +(\d+)', result.out)
    self.assertGreater(int(rows), 0)
    self.assertEmpty(_processes_in(folder))
    self.assertEmpty(os.listdir(folder))

  def test_failing_task_stops_all_tasks(self):
    folder = testing.temporary_folder(self)
    with open(os.path.join(folder, 'tensorflow.py'), 'w') as file:
      file.write('raise ImportError("as the test wants it")')
    result = running.run(
        str(_FOLDER / 'cluster.py'),
        cwd=folder, TMPDIR=folder, PYTHONPATH=folder,
    )  # pyformat: disable
    self.assertEqual(result.status, 1)
    self.assertRegex(result.err, r'RuntimeError: \w+0 ended:')
    self.assertIn('ImportError: as the test wants it', result.err)
    self.assertEmpty(_processes_in(folder))


class StopTest(parameterized.TestCase):
  """Tests that tasks end cleanly when they get the signal of Kubernetes."""

  def _start(self, name, *arguments):
    """Starts a task and a thread that collects the lines of its log."""
    job, index = name[:-1], int(name[-1])
    tf_config = {
        'cluster': self._addresses, 'task': {'type': job, 'index': index}
    }  # pyformat: disable
    process = running.start_forked(
        *('-c', _TRAIN, str(_FOLDER / 'train.py'), self._model, *arguments),
        TF_CPP_MIN_LOG_LEVEL='3',
        TF_CONFIG=json.dumps(tf_config),
    )
    self.addCleanup(process.close)
    self._tasks[name] = process
    self._logs[name] = []
    self._at_work[name] = threading.Event()
    reader = threading.Thread(target=self._read, args=(name, process))
    self.addCleanup(reader.join)
    self.addCleanup(process.kill)
    reader.start()

  def _read(self, name, process):
    for line in process.stderr:
      self._logs[name].append(line)
      if re.search(r'loss = .*, step = [1-9]|score = ', line):
        self._at_work[name].set()

  @parameterized.parameters('parameter_server', 'multi_worker')
  def test_all_tasks_end_and_the_chief_saves_a_checkpoint(self, kind):
    self._model = os.path.join(testing.temporary_folder(self), 'model')
    self._tasks, self._logs, self._at_work = {}, {}, {}
    trainers = ['chief0', 'worker0', 'evaluator0']
    servers = ['ps0'] if kind == 'parameter_server' else []
    arguments = [] if servers else ['--multi_worker']
    names = [*servers, *trainers]
    self._addresses = {
        name[:-1]: [address]
        for name, address in zip(names, processes.free_addresses(len(names)))
    }
    for name in [*servers, 'chief0']:
      self._start(name, *arguments)
    if servers:
      # A worker that starts before the chief would wait for 30 seconds.
      self.assertTrue(self._at_work['chief0'].wait(120), self._logs)
    for name in trainers[1:]:
      self._start(name, *arguments)
    for name in trainers:
      self.assertTrue(self._at_work[name].wait(120), self._logs[name])
    for name in trainers:
      self._tasks[name].send_signal(signal.SIGTERM)
    for name in trainers:
      self.assertEqual(
          self._tasks[name].wait(120), -signal.SIGTERM, self._logs[name]
      )
    log = ''.join(self._logs['chief0'])
    told, _, after = log.partition('Got SIGTERM')
    # After the signal only the checkpoint of the current step is saved.
    [saved] = re.findall(r'Saving checkpoints for (\d+) into', after)
    self.assertNotIn(f'Saving checkpoints for {saved} into', told)
    step = testing.checkpoint_values(self._model)['global_step']
    self.assertEqual(
        os.path.basename(tf.train.latest_checkpoint(self._model)),
        f'model.ckpt-{saved}',
    )
    if not servers:
      self.assertEqual(step, int(saved))
    else:
      # The worker may finish its last step while the chief saves.
      self.assertGreaterEqual(step, int(saved))
      self.assertIsNone(self._tasks['ps0'].wait(0))
      self._tasks['ps0'].send_signal(signal.SIGTERM)
      self.assertEqual(self._tasks['ps0'].wait(120), -signal.SIGTERM)


class ConfigurationTest(absltest.TestCase):

  def _check(self, tf_config, job, index):
    with mock.patch.dict(os.environ, TF_CONFIG=tf_config):
      config = estimator.RunConfig()
    self.assertEqual((config.task_type, config.task_id), (job, index))
    # The evaluator is not part of the cluster; the chief is one of the workers.
    alone = job == 'evaluator'
    self.assertEqual(config.num_ps_replicas, 0 if alone else 1)
    self.assertEqual(config.num_worker_replicas, 0 if alone else 3)

  def test_configuration_of_machines_is_valid(self):
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

  def _manifest(self):
    text = (_FOLDER / 'kubernetes.yaml').read_text()
    return list(yaml.safe_load_all(text))

  def _jobs(self):
    return {
        resource['metadata']['name'].partition('-')[2]: resource['spec']
        for resource in self._manifest()
        if resource['kind'] == 'Job'
    }

  def _cluster(self):
    [config_map] = [
        resource
        for resource in self._manifest()
        if resource['kind'] == 'ConfigMap'
    ]
    return config_map['data']['cluster']

  def test_kubernetes_objects_match_their_schema(self):
    for resource in self._manifest():
      # Also refuses misspelt fields.
      kubernetes_validate.validate(resource, '1.29', strict=True)

  def test_kubernetes_tasks_have_the_roles_of_their_jobs(self):
    cluster = self._cluster()
    jobs = self._jobs()
    self.assertCountEqual(jobs, json.loads(cluster))
    for job, spec in jobs.items():
      [container] = spec['template']['spec']['containers']
      [value] = [
          variable['value']
          for variable in container['env']
          if variable['name'] == 'TF_CONFIG'
      ]
      addresses = json.loads(cluster)[job]
      self.assertLen(addresses, spec['completions'])
      self.assertLen(addresses, spec['parallelism'])
      for index, address in enumerate(addresses):
        self.assertEqual(address, f'kmeans-{job}-{index}.kmeans:2222')
        tf_config = value.replace('$(CLUSTER)', cluster)
        self._check(tf_config.replace('$(INDEX)', str(index)), job, index)

  def test_kubernetes_gives_tasks_time_to_stop(self):
    grace = {}
    for job, spec in self._jobs().items():
      pod = spec['template']['spec']
      self.assertTrue(pod['shareProcessNamespace'])
      grace[job] = pod['terminationGracePeriodSeconds']
      [container] = pod['containers']
      if job == 'ps':
        command = container['lifecycle']['preStop']['exec']['command']
    sleep, seconds = command
    self.assertEqual(sleep, 'sleep')
    # The chief has ended when the parameter server gets the signal.
    self.assertGreater(int(seconds), grace['chief'])
    self.assertGreater(grace['ps'], int(seconds))


if __name__ == '__main__':
  absltest.main()
