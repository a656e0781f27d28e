# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The reference: KMeans of TensorFlow and tensorflow-estimator 2.15."""

import importlib

# This import supplies the names that tensorflow-estimator needs and TensorFlow
# 2.16 removed.
from kmeans_estimator import estimator  # noqa: F401

clustering_ops = importlib.import_module('tensorflow.python.ops.clustering_ops')
kmeans_plus_plus_initialization = importlib.import_module(
    'tensorflow.python.ops.gen_clustering_ops'
).kmeans_plus_plus_initialization
KMeansClustering = importlib.import_module(
    'tensorflow_estimator.python.estimator.canned.kmeans'
).KMeansClustering
