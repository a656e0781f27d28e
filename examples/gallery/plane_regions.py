# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shows the region of each center in the plane, and how the centers moved.

All initial centers lie close together in the middle. Each step of full-batch
training moves every center to the mean of the points in its region, and so
changes the regions. A hook records the centers before each step, and the
program draws their paths.

    python examples/gallery/plane_regions.py --output picture.png
"""

import argparse

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import datasets
import tensorflow as tf

import kmeans_estimator

CLUSTERS = 6
STEPS = 40


class CentersHook(tf.compat.v1.train.SessionRunHook):
  """Records the centers before each step, and after the last step."""

  def __init__(self):
    self.centers = []

  def begin(self):
    [self._variable] = tf.compat.v1.global_variables(
        kmeans_estimator.KMeans.CLUSTER_CENTERS_VAR_NAME
    )

  def before_run(self, run_context):
    self.centers.append(run_context.session.run(self._variable))

  def end(self, session):
    self.centers.append(session.run(self._variable))


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output', default='plane_regions.png', metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )  # pyformat: disable
  output = parser.parse_args().output

  points, _ = datasets.make_blobs(
      1500, centers=CLUSTERS, cluster_std=1.1, random_state=32
  )
  points = points.astype(np.float32)
  every_point = kmeans_estimator.inputs.array_input_fn(points)
  middle = points.mean(axis=0)
  start = middle + np.random.RandomState(2).normal(0, 0.8, [CLUSTERS, 2])

  paths = CentersHook()
  kmeans = kmeans_estimator.KMeans(
      CLUSTERS,
      initial_clusters=start.astype(np.float32),
      use_mini_batch=False,
      relative_tolerance=0,
  )
  kmeans.train(every_point, steps=STEPS, hooks=[paths])
  print(f'centers came to rest after {len(paths.centers) - 2} steps')
  print(f'score {kmeans.score(every_point):.1f}')

  # The region of a center: all places whose nearest center is this center.
  margin = 0.05 * np.ptp(points, axis=0)
  low, high = points.min(0) - margin, points.max(0) + margin
  x, y = np.meshgrid(*np.linspace(low, high, 400).T)
  places = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
  regions = kmeans.predict_cluster_index(
      kmeans_estimator.inputs.array_input_fn(places)
  )
  regions = np.fromiter(regions, np.int64).reshape(x.shape)

  draw(points, regions, [low, high], np.array(paths.centers)).savefig(output)
  print('wrote', output)


def draw(points, regions, corners, paths) -> figure_lib.Figure:
  """Draws the points, the coloured regions, and the paths of the centers."""
  figure = figure_lib.Figure(figsize=(6, 4.4), dpi=100, layout='constrained')
  axes = figure.subplots()
  (left, bottom), (right, top) = corners
  axes.imshow(
      regions, cmap='Pastel2', vmin=0, vmax=7, origin='lower', aspect='auto',
      extent=(left, right, bottom, top), interpolation='nearest',
  )  # pyformat: disable
  axes.plot(*points.T, '.', color='0.45', markersize=2)
  axes.plot(paths[..., 0], paths[..., 1], '.-', color='black', linewidth=1)
  axes.plot(*paths[0].T, 'o', color='white', markeredgecolor='black',
            label='first centers', zorder=3)  # pyformat: disable
  axes.plot(*paths[-1].T, 'X', color='crimson', markersize=11,
            markeredgecolor='white', label='last centers', zorder=3)
  axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
  axes.legend(loc='upper right')
  return figure


if __name__ == '__main__':
  main()
