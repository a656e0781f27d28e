# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Clusters pictures of handwritten digits, without being told their labels.

Each of 1797 pictures of 8 x 8 pixels is a point with 64 coordinates. Each
center is a picture, too: the mean of the pictures in its cluster. The table
counts the pictures with each label in each cluster: a good clustering has one
large number in each row. The program trains four models, whose initial centers
k-means++ chooses, and keeps the model with the best score.

    python examples/gallery/handwritten_digits.py --output picture.png
"""

import argparse

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import datasets

import kmeans_estimator

CLUSTERS = 10
STARTS = 4


def best_of(input_fn, starts: int) -> kmeans_estimator.KMeans:
  """Trains several models, and returns the model with the best score."""
  models = {}
  for seed in range(starts):
    kmeans = kmeans_estimator.KMeans(
        CLUSTERS,
        initial_clusters='kmeans_plus_plus',
        use_mini_batch=False,
        relative_tolerance=1e-5,
        seed=seed,
    )
    kmeans.train(input_fn, steps=100)
    models[float(kmeans.score(input_fn))] = kmeans
    print(f'start {seed}: score {list(models)[-1]:.0f}')
  return models[min(models)]


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output', default='handwritten_digits.png', metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )  # pyformat: disable
  output = parser.parse_args().output

  digits = datasets.load_digits()
  pictures = digits.data.astype(np.float32)
  every_picture = kmeans_estimator.inputs.array_input_fn(pictures)
  kmeans = best_of(every_picture, STARTS)

  clusters = np.fromiter(kmeans.predict_cluster_index(every_picture), np.int64)
  table = np.zeros([CLUSTERS, 10], int)
  np.add.at(table, (clusters, digits.target), 1)
  # Sort the rows by their most frequent label.
  order = np.argsort(table.argmax(1), kind='stable')
  right = table.max(1).sum() / len(pictures)
  print(
      f'{right:.1%} of pictures have the most frequent label of their cluster'
  )

  draw(kmeans.cluster_centers()[order], table[order]).savefig(output)
  print('wrote', output)


def draw(centers, table) -> figure_lib.Figure:
  """Draws the centers as pictures, and the table of clusters and labels."""
  figure = figure_lib.Figure(figsize=(7.6, 4.8), dpi=100, layout='constrained')
  left, right = figure.subfigures(1, 2, width_ratios=[2, 5])
  left.suptitle('centers')
  for i, axes in enumerate(left.subplots(5, 2).flat):
    axes.axis('off')
    axes.imshow(centers[i].reshape(8, 8), cmap='gray_r')
    axes.set_title(f'cluster {i}', fontsize='small', pad=2)
  right.suptitle('pictures by cluster and label')
  axes = right.subplots()
  axes.imshow(table, cmap='Blues')
  for (cluster, label), count in np.ndenumerate(table):
    if count:
      axes.text(
          label, cluster, count, ha='center', va='center', fontsize='small',
          color='white' if count > table.max() / 2 else 'black',
      )  # pyformat: disable
  axes.set(
      xlabel='label', ylabel='cluster', xticks=range(10), yticks=range(10)
  )
  return figure


if __name__ == '__main__':
  main()
