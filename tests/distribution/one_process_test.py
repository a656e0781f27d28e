# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests a training process that is killed and started again."""

import numpy as np
import pytest
import tensorflow as tf

from tests.distribution import processes
from tests.helpers import testing

pytestmark = pytest.mark.slow


class OneProcessTest(tf.test.TestCase):

  def test_training_continues_from_the_last_checkpoint_after_a_kill(self):
    kmeans = dict(initial_clusters='kmc2', mini_batch_steps_per_iteration=3)
    ends = []
    for gates in ({}, {'alone': [7]}):
      with processes.Cluster(
          testing.temporary_folder(self),
          dict(
              alone=True,
              kmeans=kmeans,
              batches=1,
              checkpoints=4,
              max_steps=10,
              gates=gates,
          ),
      ) as cluster:
        cluster.start('alone')
        if gates:
          cluster.wait_for_gate('alone', 7)
          cluster.kill('alone')
          cluster.open_gate('alone', 7)
          cluster.start('alone')
        self.assertEqual(cluster.wait_for('alone'), (0,))
        start = 4 if gates else 0
        self.assertIn(f'starts at step {start}', cluster.log('alone'))
        ends.append(testing.checkpoint_values(cluster.model_dir))
    uninterrupted, interrupted = ends
    self.assertEqual(interrupted['global_step'], 10)
    for name, value in uninterrupted.items():
      np.testing.assert_array_equal(interrupted[name], value, name)


if __name__ == '__main__':
  tf.test.main()
