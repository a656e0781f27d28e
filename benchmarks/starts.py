# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares the inertia of mini-batch training after one and several starts.

    python -m benchmarks.starts [--seeds 20] [--starts 1 3 10 30]

k-means++ chooses the initial centers from the first mini-batch, with as many
candidates as in scikit-learn (kmeans_plus_plus_num_retries=-1). Each number in
the table is the inertia of all points after training: the median over seeds,
divided by the least inertia that scikit-learn's KMeans finds in 30 starts on
all points. The last column is scikit-learn's MiniBatchKMeans with n_init=3, on
as many batches of the same size.
"""

import argparse
import os
from typing import Iterator, Tuple

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')

# pylint: disable=g-import-not-at-top
import numpy as np
from sklearn import cluster
from sklearn import datasets
import tensorflow as tf

from benchmarks import data
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib

tf1 = tf.compat.v1

_BATCH_SIZES = (256, 1024)
_STEPS = 100


def data_sets() -> Iterator[Tuple[str, np.ndarray, int]]:
  """Yields name, points and number of clusters."""
  yield 'digits, k=10', datasets.load_digits().data.astype(np.float32), 10
  points, _ = datasets.make_blobs(
      20_000, 8, centers=50, cluster_std=1.0, random_state=0
  )
  yield '50 blobs in 8 dimensions', points.astype(np.float32), 50


def best_known(points: np.ndarray, k: int) -> float:
  """Returns the least inertia of scikit-learn's KMeans in 30 starts."""
  kmeans = cluster.KMeans(k, n_init=30, random_state=0).fit(points)
  return data.inertia(points, kmeans.cluster_centers_)


def batches(points: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
  """Yields batches of shuffled points, epoch after epoch, without end."""
  random = np.random.default_rng(seed)
  rest = points[:0]
  while True:
    rest = np.concatenate([rest, random.permutation(points)])
    while len(rest) >= size:
      yield rest[:size]
      rest = rest[size:]


def ours(
    points: np.ndarray, k: int, size: int, num_starts: int, seed: int
) -> float:
  """Trains with this package; returns the inertia."""
  with tf.Graph().as_default(), tf1.Session() as session:
    batch = tf1.placeholder(tf.float32, [size, points.shape[1]])
    state, _, init_op, training_op = graph_lib.KMeansGraph(
        batch,
        parameters_lib.Parameters(
            num_clusters=k,
            initial_clusters='kmeans_plus_plus',
            distance_metric='squared_euclidean',
            seed=seed,
            use_mini_batch=True,
            mini_batch_steps_per_iteration=1,
            kmeans_plus_plus_num_retries=-1,
            num_starts=num_starts,
        ),
    ).training()
    session.run(tf1.global_variables_initializer())
    feed = batches(points, size, seed)
    while not session.run(state.initialized):
      session.run(init_op, {batch: next(feed)})
    for _ in range(_STEPS):
      session.run(training_op, {batch: next(feed)})
    return data.inertia(points, session.run(state.clusters))


def sklearn(points: np.ndarray, k: int, size: int, seed: int) -> float:
  """Trains with scikit-learn; returns the inertia."""
  kmeans = cluster.MiniBatchKMeans(
      k,
      batch_size=size,
      n_init=3,
      max_iter=max(1, _STEPS * size // len(points)),
      max_no_improvement=None,
      random_state=seed,
  ).fit(points)
  return data.inertia(points, kmeans.cluster_centers_)


def main() -> None:
  parser = argparse.ArgumentParser(
      prog='python -m benchmarks.starts',
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
      '--seeds', type=int, default=20, help='number of seeds (%(default)s)'
  )
  parser.add_argument(
      '--starts', type=int, nargs='+', default=[1, 3, 10, 30],
      help='numbers of starts (%(default)s)',
  )  # pyformat: disable
  args = parser.parse_args()

  names = [f'{n} start' + 's' * (n > 1) for n in args.starts]
  print('| data | batch |', ' | '.join(names), '| MiniBatchKMeans |')
  print('| --- ' * (len(names) + 3) + '|')
  for name, points, k in data_sets():
    best = best_known(points, k)
    for size in _BATCH_SIZES:
      medians = [
          np.median(
              [
                  ours(points, k, size, n, seed)
                  for seed in range(args.seeds)
              ]
          )
          for n in args.starts
      ]
      medians.append(
          np.median(
              [sklearn(points, k, size, seed) for seed in range(args.seeds)]
          )
      )
      cells = ' | '.join(f'{median / best:.3f}' for median in medians)
      print(f'| {name} | {size} | {cells} |', flush=True)


if __name__ == '__main__':
  main()
