# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains with several numbers of clusters, and shows which number fits.

The score falls with every additional cluster, so the lowest score does not show
the right k. Two curves show it. The curve of the score bends: it falls steeply
up to the right k, and slowly beyond the right k. The silhouette is largest at
the right k; it compares a point's distance to its cluster with the distance to
the nearest other cluster. For each k the program trains several models, which
start from different centers, and uses the model with the best score. Bad
initial centers would make the right k look wrong.

    python examples/gallery/choosing_k.py --output picture.png
"""

import argparse

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import datasets
from sklearn import metrics

import kmeans_estimator

NUMBERS = range(2, 9)
SEEDS = range(2)
PLACES = [(0, 0), (6, 1), (2, 6), (8, 7), (-4, 7)]


def train(points: np.ndarray, num_clusters: int, seed: int):
  """Trains on all points; returns the score and the Estimator."""
  every_point = kmeans_estimator.inputs.array_input_fn(points)
  kmeans = kmeans_estimator.KMeans(
      num_clusters,
      initial_clusters='kmeans_plus_plus',
      use_mini_batch=False,
      relative_tolerance=1e-6,
      seed=seed,
  )
  kmeans.train(every_point, steps=100)
  return kmeans.score(every_point), kmeans


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output', default='choosing_k.png', metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )  # pyformat: disable
  output = parser.parse_args().output

  points, _ = datasets.make_blobs(
      1000, centers=PLACES, cluster_std=1.2, random_state=0
  )
  points = points.astype(np.float32)

  scores, silhouettes, clusters = [], [], {}
  for k in NUMBERS:
    trained = [train(points, k, seed) for seed in SEEDS]
    scores.append([score for score, _ in trained])
    _, kmeans = min(trained, key=lambda pair: pair[0])
    clusters[k] = np.fromiter(
        kmeans.predict_cluster_index(
            kmeans_estimator.inputs.array_input_fn(points)
        ),
        np.int64,
    )
    silhouettes.append(metrics.silhouette_score(points, clusters[k]))
    print(
        f'k = {k}: score {min(scores[-1]):.0f} to {max(scores[-1]):.0f}, '
        f'silhouette {silhouettes[-1]:.2f}'
    )
  best = NUMBERS[int(np.argmax(silhouettes))]
  print('best k:', best)

  draw(points, scores, silhouettes, best, clusters[best]).savefig(output)
  print('wrote', output)


def draw(points, scores, silhouettes, best, clusters) -> figure_lib.Figure:
  """Draws score and silhouette over k, and the clusters for the best k."""
  figure = figure_lib.Figure(figsize=(10, 3.4), dpi=100, layout='constrained')
  left, middle, right = figure.subplots(1, 3)
  left.plot(NUMBERS, np.min(scores, axis=1), color='tab:blue')
  left.plot(
      np.repeat(NUMBERS, len(SEEDS)), np.ravel(scores), 'o', color='tab:blue',
      markersize=4, alpha=0.6, label='a start',
  )  # pyformat: disable
  left.set(title='score', xlabel='k', ylim=(0, None))
  left.legend()
  middle.plot(NUMBERS, silhouettes, 'o-', color='tab:green', markersize=4)
  middle.set(title='silhouette', xlabel='k')
  for axes in (left, middle):
    axes.set_xticks(NUMBERS)
    axes.axvline(best, color='0.7', linestyle='--', zorder=0)
  right.scatter(*points.T, c=clusters, cmap='tab10', s=3, vmin=0, vmax=9)
  right.set(title=f'clusters for k = {best}', xticks=[], yticks=[])
  return figure


if __name__ == '__main__':
  main()
