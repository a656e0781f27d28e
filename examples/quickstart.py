# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws a photograph in sixteen colours.

Clusters the colours of a photograph that scikit-learn ships, with mini-batches
from a tf.data pipeline, and prints the score of each round: the squared
distances of all pixels to the nearest colour, in sum. Then gives each pixel the
colour of its cluster's center, and writes the picture beside the original.

    python examples/quickstart.py [PNG]
"""

import argparse
import importlib.resources

import numpy as np
import tensorflow as tf

import kmeans_estimator

COLOURS = 16
ROUNDS = 6
STEPS_PER_ROUND = 10


def picture() -> tf.Tensor:
  """The photograph, float32 `[height, width, 3]` between 0 and 1."""
  images = importlib.resources.files('sklearn.datasets.images')
  jpeg = tf.io.read_file(str(images / 'china.jpg'))
  image = tf.image.decode_jpeg(jpeg, channels=3)
  return tf.image.convert_image_dtype(image, tf.float32)


def all_pixels() -> tf.data.Dataset:
  return tf.data.Dataset.from_tensors(tf.reshape(picture(), [-1, 3]))


def mini_batches() -> tf.data.Dataset:
  return all_pixels().unbatch().shuffle(300_000).repeat().batch(4096)


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      'png', nargs='?', default='quickstart.png', help='(%(default)s)'
  )
  path = parser.parse_args().png

  kmeans = kmeans_estimator.KMeans(COLOURS, initial_clusters='kmeans_plus_plus')
  for i in range(ROUNDS):
    kmeans.train(mini_batches, steps=STEPS_PER_ROUND)
    print(f'round {i + 1}: score {kmeans.score(all_pixels):.1f}', flush=True)

  original = picture().numpy()
  centers = kmeans.cluster_centers()
  nearest = np.fromiter(kmeans.predict_cluster_index(all_pixels), np.int64)
  side_by_side = np.hstack([original, centers[nearest].reshape(original.shape)])
  image = tf.image.convert_image_dtype(side_by_side, tf.uint8, saturate=True)
  tf.io.write_file(path, tf.io.encode_png(image))
  print('wrote', path)


if __name__ == '__main__':
  main()
