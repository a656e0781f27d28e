# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs one task of a cluster that trains a model.

Every machine of the cluster runs this program. The environment variable
TF_CONFIG gives each machine its task; see README.md. Without TF_CONFIG, the
program trains and evaluates in one process.

Usage: python train.py MODEL_DIR [--multi_worker] [--batch_size ROWS]
                                    [--steps STEPS]
"""

import argparse

import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import hooks
from kmeans_estimator import inputs

CLUSTERS = 64
COLUMNS = 16
ROWS = 200_000


def points() -> np.ndarray:
  """Returns random points.

  For your data, you can return a np.memmap of a file that all machines can
  read.
  """
  random = np.random.RandomState(0)
  places = random.uniform(-10, 10, [CLUSTERS, COLUMNS])
  noise = random.normal(size=[ROWS, COLUMNS])
  return (places[np.arange(ROWS) % CLUSTERS] + noise).astype(np.float32)


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument('model_dir', help='a folder that all machines share')
  parser.add_argument(
      '--multi_worker',
      action='store_true',
      help='all workers make each step together, without parameter servers',
  )
  parser.add_argument(
      '--batch_size',
      type=int,
      default=8192,
      help='rows per step; with --multi_worker, over all workers together '
      '(%(default)s)',
  )
  parser.add_argument(
      '--steps',
      type=int,
      help='the step at which training ends; without it, training never ends',
  )
  args = parser.parse_args()
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)

  # Create the strategy before all other TensorFlow objects: it connects the
  # workers.
  strategy = None
  if args.multi_worker:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
  kmeans = kmeans_estimator.KMeans(
      CLUSTERS,
      initial_clusters='kmeans_plus_plus',
      config=estimator.RunConfig(
          model_dir=args.model_dir,
          train_distribute=strategy,
          save_checkpoints_secs=5,
      ),
  )
  x = points()
  estimator.train_and_evaluate(
      kmeans,
      estimator.TrainSpec(
          inputs.array_input_fn(x, args.batch_size),
          max_steps=args.steps,
          hooks=[hooks.GracefulStopHook()],
      ),
      estimator.EvalSpec(
          inputs.array_input_fn(x), start_delay_secs=1, throttle_secs=5
      ),
  )


if __name__ == '__main__':
  main()
