# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that the shortcuts change no results."""

import os
import threading

from absl.testing import absltest
from google.protobuf import text_format
import tensorflow as tf

import kmeans_estimator
from tests.helpers import testing


class ShortcutsTest(absltest.TestCase):

  def test_graph_of_training_is_the_text_of_its_graph(self):
    graphs = []

    class Hook(tf.compat.v1.train.SessionRunHook):

      def after_create_session(self, session, coord):
        graphs.append(session.graph.as_graph_def(add_shapes=True))

    folder = testing.temporary_folder(self)
    kmeans_estimator.KMeans(2, folder, config=testing.run_config()).train(
        testing.input_fn(testing.blobs(9, 2, 2, seed=0)[0]), [Hook()]
    )
    with open(os.path.join(folder, 'graph.pbtxt'), encoding='utf-8') as file:
      written = text_format.Parse(file.read(), tf.compat.v1.GraphDef())
    self.assertEqual(written, *graphs)

  def test_message_of_a_finished_graph_is_a_copy(self):
    with tf.Graph().as_default() as graph:
      tf.ones([2, 3])
    expected = graph.as_graph_def(add_shapes=True)
    graph.finalize()
    changed = graph.as_graph_def(add_shapes=True)
    self.assertEqual(changed, expected)
    changed.node[0].name = 'other'
    self.assertEqual(graph.as_graph_def(add_shapes=True), expected)
    self.assertNotEqual(graph.as_graph_def(), expected)

  def test_coordinator_waits_for_threads(self):
    coordinator = tf.train.Coordinator()
    go, ended = threading.Event(), []

    def run():
      go.wait()
      ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    threading.Timer(0.1, go.set).start()
    coordinator.join([thread])
    self.assertTrue(ended)
    self.assertFalse(coordinator.wait_for_stop(0.5))
    coordinator.request_stop()
    self.assertTrue(coordinator.wait_for_stop())


if __name__ == '__main__':
  absltest.main()
