# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the compiled step on a GPU machine, which needs no TensorFlow."""
