# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""One task of a cluster that trains one model.

The same program runs on every machine; TF_CONFIG says which task it is, see
README.md. Without TF_CONFIG it trains and evaluates by itself.

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
  """Made up. Your own may be a np.memmap of a file that all machines see."""
  random = np.random.RandomState(0)
  places = random.uniform(-10, 10, [CLUSTERS, COLUMNS])
  noise = random.normal(size=[ROWS, COLUMNS])
  return (places[np.arange(ROWS) % CLUSTERS] + noise).astype(np.float32)


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument('model_dir', help='a folder that all machines see')
  parser.add_argument(
      '--multi_worker',
      action='store_true',
      help='one step of all workers together, instead of parameter servers',
  )
  parser.add_argument(
      '--batch_size',
      type=int,
      default=8192,
      help='rows of a step: of all workers together, where they make it so',
  )
  parser.add_argument('--steps', type=int, help='when to end; else never')
  args = parser.parse_args()
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)

  # First of all: it is what connects the workers.
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
