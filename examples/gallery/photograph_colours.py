# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws a photograph in sixteen colours, with the palette beside it.

Each pixel is a point with the coordinates red, green and blue. Full-batch
training (Lloyd's algorithm) finds different palettes from different initial
centers. So the program trains eight models on a sample of the pixels, which
takes little time. Then it trains on all pixels, from the centers of the model
with the best score. The centers are the palette, and each pixel gets the colour
of its cluster's center. The program prints the palette and the score: the sum
of the squared distances of all pixels to their nearest colour.

    python examples/gallery/photograph_colours.py --output picture.png
"""

import argparse

from matplotlib import colors
from matplotlib import figure as figure_lib
import numpy as np
from sklearn import datasets

import kmeans_estimator

COLOURS = 16
STARTS = 8


def photograph() -> np.ndarray:
  """Returns a photograph of scikit-learn, `[height, width, 3]` from 0 to 1."""
  return datasets.load_sample_image('china.jpg').astype(np.float32) / 255


def pixels(image: np.ndarray):
  return kmeans_estimator.inputs.array_input_fn(image.reshape(-1, 3))


def train(image: np.ndarray, **kwargs) -> kmeans_estimator.KMeans:
  """Clusters the colours of an image until the score hardly changes."""
  kmeans = kmeans_estimator.KMeans(
      COLOURS, use_mini_batch=False, relative_tolerance=1e-6, **kwargs
  )
  return kmeans.train(pixels(image), steps=300)


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output', default='photograph_colours.png', metavar='PATH.png',
      help='the file to write the picture to (%(default)s)',
  )  # pyformat: disable
  output = parser.parse_args().output

  original = photograph()
  sample = original[::6, ::6]
  starts = [
      train(sample, initial_clusters='kmeans_plus_plus', seed=seed)
      for seed in range(STARTS)
  ]
  best = min(starts, key=lambda kmeans: kmeans.score(pixels(sample)))
  kmeans = train(original, initial_clusters=best.cluster_centers())

  all_pixels = pixels(original)
  palette = kmeans.cluster_centers()
  nearest = np.fromiter(kmeans.predict_cluster_index(all_pixels), np.int64)
  shares = np.bincount(nearest, minlength=COLOURS) / nearest.size
  by_share = np.argsort(-shares)
  for i in by_share:
    print(f'{colors.to_hex(palette[i].clip(0, 1))} {shares[i]:6.1%}')
  print(f'score {kmeans.score(all_pixels):.1f}')

  drawn = palette[nearest].reshape(original.shape)
  draw(original, drawn, palette[by_share], shares[by_share]).savefig(output)
  print('wrote', output)


def draw(original, drawn, palette, shares) -> figure_lib.Figure:
  """Draws the photograph, its copy in few colours, and the palette."""
  figure = figure_lib.Figure(figsize=(6.8, 2.35), dpi=100, layout='constrained')
  left, right, bar = figure.subplots(1, 3, width_ratios=[10, 10, 2])
  # Draw every second pixel, which makes the file small.
  for axes, image, title in (
      (left, original[::2, ::2], 'photograph'),
      (right, drawn[::2, ::2], f'in {len(palette)} colours'),
  ):
    axes.imshow(image.clip(0, 1), interpolation='nearest')
    axes.set_title(title)
    axes.axis('off')
  tops = np.cumsum(shares)
  bar.bar(0, shares, bottom=tops - shares, color=palette.clip(0, 1), width=1)
  bar.set(title='palette', xlim=(-0.5, 0.5), ylim=(1, 0), xticks=[], yticks=[])
  return figure


if __name__ == '__main__':
  main()
