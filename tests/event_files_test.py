# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._event_files."""

import copy
import gc
import os
import pickle
import threading
import time
from unittest import mock

import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _event_files
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import inputs
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_INPUT_FN = inputs.array_input_fn(_POINTS)
_CACHE = tf.compat.v1.summary.FileWriterCache


def _kmeans(model_dir=None):
  return kmeans_estimator.KMeans(
      3,
      model_dir=model_dir,
      initial_clusters=_CENTERS,
      config=estimator_lib.RunConfig(
          save_summary_steps=1, session_config=testing.unoptimized()
      ),
  )


def _open_files():
  """Returns the event files that this process has open."""
  paths = []
  for descriptor in os.listdir('/proc/self/fd'):
    try:
      paths.append(os.readlink(f'/proc/self/fd/{descriptor}'))
    except FileNotFoundError:  # The descriptor of os.listdir.
      pass
  return [path for path in paths if 'tfevents' in path]


def _writing_threads():
  return [
      thread
      for thread in threading.enumerate()
      if thread.name == 'EventLoggerThread'
  ]


def _event_files_in(folder):
  return [name for name in os.listdir(folder) if 'tfevents' in name]


def _tags(folder):
  """Returns tag and step of each summary in the event files of a folder."""
  return {
      (value.tag, event.step)
      for name in _event_files_in(folder)
      for event in tf.compat.v1.train.summary_iterator(
          os.path.join(folder, name)
      )
      for value in event.summary.value
  }


class EventFilesTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    # Start as a process without models. TensorFlow caches writers only in
    # graphs.
    self.enter_context(tf.Graph().as_default())
    _CACHE.clear()
    gc.collect()
    gc.disable()  # Deleting the last reference must suffice.
    self.addCleanup(gc.enable)
    self.assertEmpty(_open_files())
    self._threads_before = len(_writing_threads())

  def assert_all_closed(self):
    self.assertEmpty(_open_files())
    self.assertLen(_writing_threads(), self._threads_before)

  def test_no_model_leaves_files_or_threads_open(self):
    descriptors = None
    for i in range(4):
      kmeans = _kmeans().train(_INPUT_FN, steps=1)
      kmeans.score(_INPUT_FN)
      kmeans.evaluate(_INPUT_FN, name='other')
      self.assertLen(_open_files(), 3)
      folders = [kmeans.model_dir, kmeans.eval_dir(), kmeans.eval_dir('other')]
      del kmeans
      self.assert_all_closed()
      self.assertFalse(set(folders) & set(_CACHE._cache))
      if i:  # The first model opens descriptors that a process keeps.
        self.assertLen(os.listdir('/proc/self/fd'), descriptors)
      descriptors = len(os.listdir('/proc/self/fd'))

  def test_train_and_evaluate_leaves_no_files_open(self):
    kmeans = _kmeans()
    estimator_lib.train_and_evaluate(
        kmeans,
        estimator_lib.TrainSpec(_INPUT_FN, max_steps=2),
        estimator_lib.EvalSpec(_INPUT_FN, name='held_out'),
    )
    self.assertLen(_open_files(), 2)
    del kmeans
    self.assert_all_closed()

  def test_calls_of_one_estimator_share_files(self):
    kmeans = _kmeans()
    for step in range(1, 4):
      kmeans.train(_INPUT_FN, steps=1)
      kmeans.score(_INPUT_FN)
      self.assertIn(('loss', step), _tags(kmeans.model_dir))
    self.assertLen(_event_files_in(kmeans.model_dir), 1)
    self.assertLen(_event_files_in(kmeans.eval_dir()), 1)

  def test_estimators_of_one_model_share_files(self):
    first = _kmeans().train(_INPUT_FN, steps=1)
    model_dir = first.model_dir
    second = _kmeans(model_dir)
    del first
    second.train(_INPUT_FN, steps=1)
    self.assertLen(_event_files_in(model_dir), 1)
    self.assertLen(_open_files(), 1)
    del second
    self.assert_all_closed()
    self.assertContainsSubset([('loss', 1), ('loss', 2)], _tags(model_dir))

  def test_no_file_is_overwritten(self):
    model_dir = _kmeans().model_dir
    # TensorFlow puts the current second into the names of files.
    with mock.patch.object(time, 'time', return_value=1e9):
      for number in range(1, 4):
        path = os.path.join(model_dir, 'events.out.tfevents.1000000000.host')
        with open(path, 'w') as file:
          file.write(str(number))
        _event_files._make_unique(path)
    for number in range(1, 4):
      with open(f'{path}.{number}') as file:
        self.assertEqual(file.read(), str(number))
    _event_files._make_unique(f'{path}.1')  # The second is over: no renaming.
    self.assertLen(_event_files_in(model_dir), 3)

  def test_estimators_that_follow_each_other_lose_no_summary(self):
    model_dir = _kmeans().model_dir
    for _ in range(4):
      _kmeans(model_dir).train(_INPUT_FN, steps=1)
      self.assert_all_closed()
    self.assertContainsSubset(
        [('loss', step) for step in range(1, 5)], _tags(model_dir)
    )

  def test_copies_share_files(self):
    kmeans = _kmeans()
    copies = [copy.deepcopy(kmeans), pickle.loads(pickle.dumps(kmeans))]
    kmeans.train(_INPUT_FN, steps=1)
    model_dir = kmeans.model_dir
    del kmeans
    for each in copies:
      each.train(_INPUT_FN, steps=1)
    self.assertLen(_event_files_in(model_dir), 1)
    self.assertLen(_open_files(), 1)
    del copies, each
    self.assert_all_closed()

  def test_open_prediction_keeps_its_estimator(self):
    results = _kmeans().train(_INPUT_FN, steps=1).predict(_INPUT_FN)
    next(results)
    self.assertLen(_open_files(), 1)
    results.close()
    self.assert_all_closed()

  def test_writer_that_other_code_opened_stays_open(self):
    kmeans = _kmeans()
    writer = _CACHE.get(kmeans.model_dir)
    kmeans.train(_INPUT_FN, steps=1)
    del kmeans
    self.assertLen(_open_files(), 1)
    self.assertIs(_CACHE.get(writer.get_logdir()), writer)

  def test_writer_that_fails_to_close_gives_a_warning(self):
    kmeans = _kmeans().train(_INPUT_FN, steps=1)
    writer = _CACHE.get(kmeans.model_dir)
    with mock.patch.object(
        writer, 'close', side_effect=OSError('disk full')
    ), self.assertLogs('tensorflow', 'WARNING') as logs:
      del kmeans
    self.assertRegex(''.join(logs.output), 'incomplete: disk full')
    writer.close()

  def test_files_close_if_collected_in_the_thread_of_a_writer(self):
    folder = testing.temporary_folder(self)
    files = [_event_files.of(folder)]
    files[0].will_open(folder)
    writer = _CACHE.get(folder)
    [thread] = [
        thread
        for thread in _writing_threads()
        if thread._ev_writer is writer.event_writer._ev_writer
    ]
    gone = threading.Event()
    closing = []

    def collect(*unused_args):
      before = set(threading.enumerate())
      files.clear()
      closing.extend(set(threading.enumerate()) - before)
      gone.set()

    # The garbage collector may run in any thread: here in that of the writer.
    with mock.patch.object(
        thread, '_ev_writer', mock.Mock(WriteEvent=collect)
    ):
      writer.add_event(tf.compat.v1.Event())
      self.assertTrue(gone.wait(60))
    thread.join(60)
    self.assertFalse(thread.is_alive())
    for thread in closing:  # The closing thread still renames the file.
      thread.join(60)


if __name__ == '__main__':
  tf.test.main()
