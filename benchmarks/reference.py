# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The implementation that the documents describe, to be measured against."""

import importlib

# Supplies what tensorflow-estimator misses in TensorFlow 2.16 and later.
from kmeans_estimator import estimator  # noqa: F401

clustering_ops = importlib.import_module('tensorflow.python.ops.clustering_ops')
kmeans_plus_plus_initialization = importlib.import_module(
    'tensorflow.python.ops.gen_clustering_ops'
).kmeans_plus_plus_initialization
KMeansClustering = importlib.import_module(
    'tensorflow_estimator.python.estimator.canned.kmeans'
).KMeansClustering
