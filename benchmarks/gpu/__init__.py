# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the compiled step on a GPU, without TensorFlow on that machine."""
