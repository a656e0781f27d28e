"""Trains in a loop, as the documentation of TensorFlow 1.15's KMeans does.

On today's TensorFlow:

    python -m kmeans_estimator examples/migrate/documented_loop.py
"""

from __future__ import print_function

import numpy as np
import tensorflow as tf

POINTS = np.random.uniform(0, 1000, [100, 2])


def points_once():
  matrix = tf.convert_to_tensor(POINTS, dtype=tf.float32)
  return tf.train.limit_epochs(matrix, num_epochs=1)


model = tf.estimator.experimental.KMeans(num_clusters=5, use_mini_batch=False)

before = None
for _ in range(10):
  model.train(points_once)
  centers = model.cluster_centers()
  if before is not None:
    print('delta:', centers - before)
  before = centers
  print('score:', model.score(points_once))
print('cluster centers:', centers)

# Print the cluster of each point.
for point, index in zip(POINTS, model.predict_cluster_index(points_once)):
  print('point:', point, 'is in cluster', index, 'centered at', centers[index])
