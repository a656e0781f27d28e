# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Clusters shards one by one, then their centers, with counts as weights.

No machine needs to hold more than one shard. Each shard is clustered into many
more centers than the final model needs. These centers then represent the shard;
the weight of a center is the number of points in its cluster. The centers of
all shards are few enough to cluster them at once. They are a coreset
(S. Har-Peled and S. Mazumdar, "On coresets for k-means and k-median
clustering", 2004).

The program compares this method with clustering all points at once. It compares
the time, the memory that the method adds to a process with TensorFlow, and the
inertia: the sum of the squared distances of all points to their nearest center.
It prints a table and draws the centers of both methods.

    python examples/coreset.py --output coreset.png
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
from typing import Callable, NamedTuple, Tuple

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

# pylint: disable=g-import-not-at-top
from matplotlib import figure as figure_lib
import numpy as np

import kmeans_estimator

CLUSTERS = 20
CENTERS_OF_A_SHARD = 200
DIMENSIONS = 8
STEPS = 20


class Result(NamedTuple):
  """The centers that one method finds, and the time and memory it takes."""

  centers: np.ndarray
  seconds: float
  megabytes: float


def shard(number: int, rows: int) -> np.ndarray:
  """Draws the points of a shard: the same points for the same number."""
  of_all = np.random.default_rng(0)
  places = of_all.uniform(-30, 30, [CLUSTERS, DIMENSIONS])
  shares = of_all.dirichlet(np.full(CLUSTERS, 5.0))
  random = np.random.default_rng([1, number])
  cluster = random.choice(CLUSTERS, rows, p=shares)
  return random.normal(places[cluster], 3).astype(np.float32)


def at_once(shards: int, rows: int) -> np.ndarray:
  """Clusters all points, which must fit in memory; returns the centers."""
  points = np.concatenate([shard(i, rows) for i in range(shards)])
  kmeans = kmeans_estimator.WeightedKMeans(
      CLUSTERS,
      initial_clusters='kmeans_plus_plus',
      use_mini_batch=False,
      relative_tolerance=1e-4,
      num_starts=5,
      seed=1,
  )
  kmeans.train(kmeans_estimator.inputs.array_input_fn(points), steps=STEPS)
  return kmeans.cluster_centers()


def by_coreset(shards: int, rows: int) -> np.ndarray:
  """Clusters each shard, then the centers of all shards.

  Returns:
    The centers of the second clustering.
  """
  centers, counts = [], []
  for i in range(shards):
    input_fn = kmeans_estimator.inputs.array_input_fn(shard(i, rows))
    kmeans = kmeans_estimator.KMeans(
        CENTERS_OF_A_SHARD,
        initial_clusters='kmeans_plus_plus',
        use_mini_batch=False,
        seed=1,
    )
    kmeans.train(input_fn, steps=3)
    index = np.fromiter(kmeans.predict_cluster_index(input_fn), np.int64)
    centers.append(kmeans.cluster_centers())
    counts.append(np.bincount(index, minlength=CENTERS_OF_A_SHARD))

  coreset = {'center': np.concatenate(centers), 'count': np.concatenate(counts)}
  kmeans = kmeans_estimator.WeightedKMeans(
      CLUSTERS,
      initial_clusters='kmeans_plus_plus',
      use_mini_batch=False,
      relative_tolerance=1e-4,
      weight_column='count',
      num_starts=5,
      seed=1,
  )
  kmeans.train(kmeans_estimator.inputs.array_input_fn(coreset), steps=STEPS)
  return kmeans.cluster_centers()


WAYS = {'all points at once': at_once, 'coreset of shards': by_coreset}


def measured(
    cluster: Callable[[int, int], np.ndarray], shards: int, rows: int
) -> Tuple[np.ndarray, float, float]:
  """Runs and measures one method in this process, which must do nothing else.

  Args:
    cluster: one of `WAYS`.
    shards: the number of shards.
    rows: the number of rows in a shard.

  Returns:
    The elements of a `Result`, in a plain tuple: another process can unpickle
    the tuple without this program.
  """
  # Do not measure the one-time cost of a process's first session.
  kmeans_estimator.KMeans(1).train(
      kmeans_estimator.inputs.array_input_fn(np.zeros([9, 1], np.float32)),
      steps=1,
  )
  before, start = _peak_megabytes(), time.perf_counter()
  centers = cluster(shards, rows)
  seconds = time.perf_counter() - start
  return centers, seconds, _peak_megabytes() - before


def _peak_megabytes() -> float:
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def inertia(centers: np.ndarray, shards: int, rows: int) -> float:
  """Returns the sum of the squared distances of points to nearest centers."""
  total = 0.0
  for i in range(shards):
    for block in np.array_split(shard(i, rows), max(1, rows // 10_000)):
      to_all = np.square(block[:, np.newaxis] - centers).sum(2)
      total += to_all.min(1).sum(dtype=np.float64)
  return total


def draw(results, points: np.ndarray) -> figure_lib.Figure:
  """Draws points and the centers of both methods, in two dimensions."""
  figure = figure_lib.Figure(figsize=(9, 4.5), layout='constrained')
  for axes, (name, result) in zip(figure.subplots(1, 2), results.items()):
    axes.scatter(*points[:, :2].T, s=2, color='lightgray')
    axes.scatter(*result.centers[:, :2].T, s=40, color='tab:red', marker='x')
    axes.set_title(name)
    axes.set_axis_off()
  return figure


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output',
      default='coreset.png',
      metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )
  parser.add_argument(
      '--shards', type=int, default=10, help='number of shards (%(default)s)'
  )
  parser.add_argument(
      '--rows',
      type=int,
      default=200_000,
      help='number of rows in a shard (%(default)s)',
  )
  args = parser.parse_args()

  # Run each method in a new process: peak memory is measured per process.
  context = multiprocessing.get_context('spawn')
  results = {}
  for name, way in WAYS.items():
    with context.Pool(1) as process:
      found = process.apply(measured, (way, args.shards, args.rows))
    results[name] = Result(*found)

  print('| way | seconds | MB | inertia |')
  print('| --- | --- | --- | --- |')
  for name, result in results.items():
    loss = inertia(result.centers, args.shards, args.rows)
    print(
        f'| {name} | {result.seconds:.1f} | {result.megabytes:.0f} '
        f'| {loss:.4e} |'
    )
  draw(results, shard(0, args.rows)[:5000]).savefig(args.output)
  print('wrote', args.output)


if __name__ == '__main__':
  main()
