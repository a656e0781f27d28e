"""Trains on mini-batches of NumPy arrays; written for TensorFlow 1.4.

On today's TensorFlow:

    python -m kmeans_estimator examples/migrate/contrib_numpy_input_fn.py
"""

from __future__ import absolute_import
from __future__ import division
from __future__ import print_function

import os

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'

import numpy as np
import tensorflow as tf
from tensorflow.contrib.factorization import KMeansClustering

tf.logging.set_verbosity(tf.logging.ERROR)

TOWNS = np.array([[48.1, 11.6], [52.5, 13.4], [53.6, 10.0]], dtype=np.float32)

np.random.seed(1)
homes = np.repeat(TOWNS, 200, axis=0) + np.random.normal(0, 0.2, [600, 2])
columns = {
    'latitude': homes[:, 0].astype(np.float32),
    'longitude': homes[:, 1].astype(np.float32),
}

train_input_fn = tf.estimator.inputs.numpy_input_fn(
    columns, batch_size=100, num_epochs=None, shuffle=True)
all_input_fn = tf.estimator.inputs.numpy_input_fn(
    columns, batch_size=600, num_epochs=1, shuffle=False)

kmeans = KMeansClustering(
    num_clusters=len(TOWNS),
    initial_clusters=KMeansClustering.KMEANS_PLUS_PLUS_INIT,
    random_seed=1,
    relative_tolerance=None)
kmeans.train(train_input_fn, steps=30)

centers = kmeans.cluster_centers()
for index, (latitude, longitude) in enumerate(centers):
  print('cluster %d is around %.1f N, %.1f E' % (index, latitude, longitude))

sizes = np.bincount(list(kmeans.predict_cluster_index(all_input_fn)))
print('sizes:', sizes)
print('farthest home: %.2f degrees from its center' % np.sqrt(
    max(min(row) for row in kmeans.transform(all_input_fn))))
