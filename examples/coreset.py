# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Clusters shards one by one, then their centers, with counts as weights.

No machine needs to hold more than one shard. Each shard is clustered into many
more centers than there are to be in the end, and is then represented by these
centers: each stands for the points of its cluster, whose number is its weight.
The centers of all shards are few enough to be clustered at once. They are a
coreset (S. Har-Peled and S. Mazumdar, "On coresets for k-means and k-median
clustering", 2004).

The program compares this with clustering all points at once: time, memory
beyond what a process with TensorFlow needs anyway, and inertia, which is the
squared distances of all points to their nearest centers, in sum. It prints a
table and draws the centers of both ways.

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
  """What a way of clustering gives, and what it needs."""

  centers: np.ndarray
  seconds: float
  megabytes: float


def shard(number: int, rows: int) -> np.ndarray:
  """Reads a shard; here it is drawn, the same one for the same number."""
  of_all = np.random.default_rng(0)
  places = of_all.uniform(-30, 30, [CLUSTERS, DIMENSIONS])
  shares = of_all.dirichlet(np.full(CLUSTERS, 5.0))
  random = np.random.default_rng([1, number])
  cluster = random.choice(CLUSTERS, rows, p=shares)
  return random.normal(places[cluster], 3).astype(np.float32)


def at_once(shards: int, rows: int) -> np.ndarray:
  """Clusters all points, which have to fit in memory; returns the centers."""
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
  """Clusters shard by shard, then the shards' centers; returns the centers."""
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
  """Clusters in this process, which should do nothing else.

  Args:
    cluster: one of `WAYS`.
    shards: number of shards.
    rows: rows of a shard.

  Returns:
    The elements of a `Result`, which a process can send where no `Result` is
    known.
  """
  # What the first session of a process needs does not count.
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
  """The squared distances of all points to the nearest centers, in sum."""
  total = 0.0
  for i in range(shards):
    for block in np.array_split(shard(i, rows), max(1, rows // 10_000)):
      to_all = np.square(block[:, np.newaxis] - centers).sum(2)
      total += to_all.min(1).sum(dtype=np.float64)
  return total


def draw(results, points: np.ndarray) -> figure_lib.Figure:
  """Some points, and the centers of both ways, in the first two dimensions."""
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
      help='where to write the picture (%(default)s)',
  )
  parser.add_argument('--shards', type=int, default=10, help='(%(default)s)')
  parser.add_argument(
      '--rows', type=int, default=200_000, help='rows of a shard (%(default)s)'
  )
  args = parser.parse_args()

  # A process for each way, as memory is that of a process.
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
