# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains on a stream of batches with `train_and_evaluate`, and draws curves.

The stream never ends and never repeats a batch, like the readings of a sensor.
Mini-batch training uses each batch once. After every 10 steps,
`train_and_evaluate` writes a checkpoint and computes its score on held-out
points, which training does not use. `hooks.ClusterSummaryHook` records how far
the centers move. The program draws the curves from the event files, which
TensorBoard can show, too.

    python examples/gallery/stream.py --output picture.png
"""

import argparse
import collections
import itertools
import os
import tempfile

from matplotlib import figure as figure_lib
import numpy as np
from sklearn import datasets
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import hooks

CLUSTERS = 6
BATCH = 32
STEPS = 100
STEPS_PER_EVALUATION = 10

_, _, CENTERS = datasets.make_blobs(
    1, centers=CLUSTERS, random_state=32, return_centers=True
)


def batches(seed: int = 0):
  """Yields batches without end."""
  random = np.random.RandomState(seed)
  while True:
    points = CENTERS[random.randint(CLUSTERS, size=BATCH)]
    yield (points + random.normal(0, 0.8, points.shape)).astype(np.float32)


def stream() -> tf.data.Dataset:
  return tf.data.Dataset.from_generator(
      batches, output_signature=tf.TensorSpec([BATCH, 2], tf.float32)
  ).prefetch(2)


def summaries(folder: str):
  """Returns the steps and the values of each tag in the event files."""
  found = collections.defaultdict(dict)
  for name in sorted(os.listdir(folder)):
    if 'tfevents' in name:
      path = os.path.join(folder, name)
      for event in tf.compat.v1.train.summary_iterator(path):
        for value in event.summary.value:
          if value.HasField('simple_value'):
            found[value.tag][event.step] = value.simple_value
  return {tag: np.array(sorted(of.items())).T for tag, of in found.items()}


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output', default='stream.png', metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )  # pyformat: disable
  output = parser.parse_args().output

  held_out = np.concatenate(list(itertools.islice(batches(seed=1), 32)))
  every_held_out = kmeans_estimator.inputs.array_input_fn(held_out)
  with tempfile.TemporaryDirectory() as model_dir:
    kmeans = kmeans_estimator.KMeans(
        CLUSTERS,
        model_dir=model_dir,
        initial_clusters='kmeans_plus_plus',
        seed=2,
        config=estimator.RunConfig(
            save_checkpoints_steps=STEPS_PER_EVALUATION, save_summary_steps=1
        ),
    )
    estimator.train_and_evaluate(
        kmeans,
        estimator.TrainSpec(
            stream,
            max_steps=STEPS,
            hooks=[hooks.ClusterSummaryHook(save_steps=2)],
        ),
        estimator.EvalSpec(every_held_out, throttle_secs=0),
    )
    centers = kmeans.cluster_centers()
    train, evaluate = summaries(model_dir), summaries(kmeans.eval_dir())
  first, last = evaluate['score'][1][[0, -1]]
  print(f'score of the held-out points: first {first:.0f}, last {last:.0f}')

  draw(train, evaluate, held_out, centers).savefig(output)
  print('wrote', output)


def draw(train, evaluate, held_out, centers) -> figure_lib.Figure:
  """Draws losses, movements of centers, and points with the last centers."""
  figure = figure_lib.Figure(figsize=(10, 3.4), dpi=100, layout='constrained')
  left, middle, right = figure.subplots(1, 3)
  steps, losses = train['loss']
  left.plot(steps, losses / BATCH, color='0.75', label='batch')
  steps, scores = evaluate['score']
  left.plot(
      steps, scores / len(held_out), 'o-', markersize=4, label='held-out points'
  )
  left.set(title='loss per point', xlabel='step', ylim=(0, None))
  left.legend()
  for tag, label in ('moved_max', 'largest'), ('moved_mean', 'mean'):
    middle.semilogy(*train[f'clusters/{tag}'], label=label)
  middle.set(title='how far centers move in 2 steps', xlabel='step')
  middle.legend()
  right.plot(*held_out.T, '.', color='0.6', markersize=2)
  right.plot(*centers.T, 'X', color='crimson', markersize=9,
             markeredgecolor='white')  # pyformat: disable
  right.set(title='held-out points and centers', xticks=[], yticks=[])
  return figure


if __name__ == '__main__':
  main()
