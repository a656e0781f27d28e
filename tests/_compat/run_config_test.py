# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.run_config."""

import copy
import json
import os
import pickle
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from kmeans_estimator import estimator


class TfConfigTest(parameterized.TestCase):

  @parameterized.parameters(
      ('{"cluster', 'it is not JSON'),
      ('[1]', 'it is not an object'),
      ('null', 'it is not an object'),
      ('{"cluster": ["a:1"]}', "its 'cluster' is not an object"),
      ('{"cluster": {}, "task": "chief"}', "its 'task' is not an object"),
  )
  def test_refuses_tf_config_without_the_documented_form(self, text, message):
    with mock.patch.dict(os.environ, TF_CONFIG=text):
      with self.assertRaisesRegex(ValueError, f'TF_CONFIG must .*{message}'):
        estimator.RunConfig()

  @parameterized.parameters(
      {'type': 'worker', 'index': 5}, {'type': 'boss', 'index': 0}, {}
  )
  def test_refuses_a_task_that_is_not_in_the_cluster(self, **task):
    tf_config = {
        'cluster': {'chief': ['a:1'], 'worker': ['b:1'], 'ps': ['c:1']},
        'task': task,
    }
    with mock.patch.dict(os.environ, TF_CONFIG=json.dumps(tf_config)):
      with self.assertRaisesRegex(ValueError, 'task'):
        estimator.RunConfig()


class CopyTest(absltest.TestCase):

  def test_shares_the_strategies(self):
    strategy = tf.distribute.OneDeviceStrategy('CPU:0')
    config = estimator.RunConfig(
        train_distribute=strategy, eval_distribute=strategy, tf_random_seed=7
    )
    duplicate = copy.deepcopy(config)
    self.assertIsNot(duplicate, config)
    self.assertIs(duplicate.train_distribute, strategy)
    self.assertIs(duplicate.eval_distribute, strategy)
    self.assertEqual(duplicate.tf_random_seed, 7)

  def test_pickle_finds_the_public_class(self):
    self.assertIs(
        pickle.loads(pickle.dumps(estimator.RunConfig)), estimator.RunConfig
    )


if __name__ == '__main__':
  absltest.main()
