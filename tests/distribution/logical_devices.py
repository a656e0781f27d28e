# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Prints the score of a model trained on 1, 2 and 4 logical CPUs.

Logical CPUs can be configured only before TensorFlow is initialised, so this
runs in a new process.
"""

import numpy as np
import tensorflow as tf

import kmeans_estimator
from tests.helpers import testing


def _score(devices, points):
  strategy = tf.distribute.MirroredStrategy(devices)
  kmeans = kmeans_estimator.KMeansClustering(
      3,
      initial_clusters=points[:3],
      use_mini_batch=False,
      config=testing.run_config(
          train_distribute=strategy,
          eval_distribute=strategy,
          session_config=testing.cpus(len(devices)),
      ),
  )
  shards = np.split(points, len(devices))
  kmeans.train(testing.input_fn(*shards, *shards))
  return kmeans.score(testing.input_fn(*shards))


def main():
  [cpu] = tf.config.list_physical_devices('CPU')
  tf.config.set_logical_device_configuration(
      cpu, [tf.config.LogicalDeviceConfiguration()] * 4
  )
  cpus = [device.name for device in tf.config.list_logical_devices('CPU')]
  points = np.random.RandomState(0).normal(size=[80, 2]).astype(np.float32)
  print(*(_score(cpus[:n], points) for n in (1, 2, 4)))


if __name__ == '__main__':
  main()
