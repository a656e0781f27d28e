# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/training.md: scores while models train.

Clusters the colours of every eighth pixel of a photograph that scikit-learn
ships, in several ways each, and writes a PNG for each section of the page:

    python docs/figures/training.py [--output FOLDER] [NAME ...]
"""

import argparse
import importlib.resources
import pathlib
from typing import Any, Callable, Dict, List, Optional, Tuple

from matplotlib import figure as figure_lib
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import inputs

_FOLDER = pathlib.Path(__file__).parents[1] / 'images' / 'training'
_SHARE = 8  # One pixel of so many: enough for the shape of every curve.
_COLOURS = 16


class _RecordCenters(tf.compat.v1.train.SessionRunHook):
  """Keeps the centers before the first step and after each one."""

  def __init__(self):
    self.centers: List[np.ndarray] = []

  def begin(self):
    (self._clusters,) = [
        variable
        for variable in tf.compat.v1.global_variables()
        if variable.op.name == kmeans_estimator.KMeans.CLUSTER_CENTERS_VAR_NAME
    ]

  def before_run(self, run_context):
    if not self.centers:
      self.after_run(run_context, None)

  def after_run(self, run_context, run_values):
    del run_values
    self.centers.append(run_context.session.run(self._clusters))


def pixels() -> np.ndarray:
  """Colours from 0 to 255 in random order, float32 `[n, 3]`."""
  images = importlib.resources.files('sklearn.datasets.images')
  jpeg = tf.io.read_file(str(images / 'china.jpg'))
  image = tf.reshape(tf.image.decode_jpeg(jpeg, channels=3), [-1, 3])
  chosen = image.numpy()[::_SHARE].astype(np.float32)
  return np.random.default_rng(seed=1).permutation(chosen)


def score(points: np.ndarray, centers: np.ndarray) -> float:
  """The mean squared distance of points to their nearest centers."""
  squares = np.square(points[:, np.newaxis] - centers).sum(axis=2)
  return squares.min(axis=1).mean()


def train(
    points: np.ndarray,
    steps: Optional[int],
    batch_size: Optional[int] = None,
    **kwargs: Any,
) -> List[np.ndarray]:
  """Trains a model; returns its centers before the first and after each step.

  Args:
    points: to cluster, `[n, d]`.
    steps: how many to train. None: until `relative_tolerance` stops it.
    batch_size: of mini-batches; None trains on full batches.
    **kwargs: for KMeans.
  """
  config = estimator.RunConfig(
      tf_random_seed=1, log_step_count_steps=None, save_summary_steps=None
  )
  recorded = _RecordCenters()
  kmeans_estimator.KMeans(
      _COLOURS, use_mini_batch=batch_size is not None, config=config, **kwargs
  ).train(
      inputs.array_input_fn(points, batch_size=batch_size),
      hooks=[recorded],
      steps=steps,
  )
  return recorded.centers


def scores(
    points: np.ndarray, centers: List[np.ndarray]
) -> Tuple[np.ndarray, np.ndarray]:
  """Returns numbers of steps, and the scores of the centers after as many.

  The numbers are all of the first twenty, and a hundredth of all apart later.
  """
  last = len(centers) - 1
  steps = np.unique(
      np.concatenate([np.arange(min(last, 20)), np.linspace(0, last, 101)])
      .round()
      .astype(int)
  )
  return steps, np.array([score(points, centers[step]) for step in steps])


def _same_start(points):
  """Initial centers, for models that are compared in something else."""
  return train(points, 1, initial_clusters='kmeans_plus_plus', seed=1)[0]


def _logarithmic(axes):
  axes.set_yscale('log')
  axes.minorticks_off()
  axes.set_yticks([350, 400, 500, 700, 1000, 1500, 2000])
  axes.yaxis.set_major_formatter('{x:g}')


def _axes(x_label: str):
  figure = figure_lib.Figure(figsize=(7, 3.8))
  axes = figure.subplots()
  axes.set_xlabel(x_label)
  axes.set_ylabel('mean squared distance')
  axes.grid(alpha=0.3)
  return figure, axes


def full_batch(points):
  """Each step of Lloyd's algorithm lowers the score, at last by nothing."""
  figure, axes = _axes('steps (passes over the data)')
  for name in ('random', 'kmeans_plus_plus', 'kmc2'):
    axes.plot(
        *scores(points, train(points, 80, initial_clusters=name, seed=1)),
        label=f'initial_clusters={name!r}',
    )
  _logarithmic(axes)
  axes.legend()
  return figure


def mini_batches(points):
  """Smaller batches lower the score more in a pass; all of them level off."""
  figure, axes = _axes('passes over the data')
  passes = 20
  start = _same_start(points)
  for batch_size in (256, 1024, 4096, None):
    rows = batch_size or len(points)
    centers = train(
        points,
        passes * len(points) // rows,
        batch_size,
        initial_clusters=start,
    )
    steps, result = scores(points, centers)
    label = f'batch_size={batch_size}' if batch_size else 'full batch'
    axes.plot(steps * rows / len(points), result, label=label)
  axes.legend()
  return figure


def steps_per_iteration(points):
  """Centers that stand still for an epoch do as in full batch training."""
  figure, axes = _axes('passes over the data')
  batch_size = 2048
  epoch = len(points) // batch_size
  start = _same_start(points)
  for m in (1, 4, epoch):
    centers = train(
        points,
        40 * epoch,
        batch_size,
        mini_batch_steps_per_iteration=m,
        initial_clusters=start,
    )
    steps, result = scores(points, centers)
    label = f'{m}, the batches of an epoch' if m == epoch else m
    axes.plot(steps / epoch, result, label=label)
  axes.legend(title='mini_batch_steps_per_iteration')
  return figure


def tolerance(points):
  """Where relative_tolerance ends full-batch training."""
  figure, axes = _axes('steps (passes over the data)')
  start = dict(initial_clusters='kmeans_plus_plus', seed=1)
  axes.plot(*scores(points, train(points, 100, **start)), color='black')
  for limit in (1e-1, 1e-2, 1e-3, 1e-4):
    centers = train(points, None, relative_tolerance=limit, **start)
    steps = len(centers) - 1
    label = f'{limit:g}: {steps} steps'
    axes.plot(steps, score(points, centers[-1]), 'o', label=label)
  axes.legend(title='relative_tolerance')
  return figure


def seeds(points):
  """Full-batch training from the initial centers of ten seeds each."""
  figure = figure_lib.Figure(figsize=(8, 3.8))
  all_axes = figure.subplots(1, 3, sharey=True)
  for axes, name in zip(all_axes, ('random', 'kmeans_plus_plus', 'kmc2')):
    last = []
    for seed in range(10):
      centers = train(points, 40, initial_clusters=name, seed=seed)
      steps, result = scores(points, centers)
      axes.plot(steps, result, color='tab:blue', alpha=0.5, linewidth=1)
      last.append(result[-1])
    axes.set_title(f'{name}: {min(last):.0f} to {max(last):.0f}', fontsize=10)
    _logarithmic(axes)
    axes.set_xlabel('steps')
    axes.grid(alpha=0.3)
  all_axes[0].set_ylabel('mean squared distance')
  return figure


FIGURES: Dict[str, Callable[[np.ndarray], figure_lib.Figure]] = {
    draw.__name__: draw
    for draw in (
        full_batch,
        mini_batches,
        steps_per_iteration,
        tolerance,
        seeds,
    )
}


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      'names', nargs='*', metavar='NAME', help=f'of {", ".join(FIGURES)}'
  )
  parser.add_argument('--output', type=pathlib.Path, default=_FOLDER)
  args = parser.parse_args()
  tf.get_logger().setLevel('ERROR')
  points = pixels()
  args.output.mkdir(parents=True, exist_ok=True)
  for name in args.names or FIGURES:
    figure = FIGURES[name](points)
    figure.tight_layout()
    figure.savefig(args.output / f'{name}.png', dpi=120)
    print('wrote', args.output / f'{name}.png', flush=True)


if __name__ == '__main__':
  main()
