# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Packaging of kmeans_estimator."""

import pathlib

import setuptools

_EXAMPLES = ['scikit-learn']
_BENCHMARKS = ['faiss-cpu', 'matplotlib', 'scikit-learn']
# tf2onnx for TensorFlow's later versions of protobuf needs Python 3.10. onnx
# 1.19.0 needs a newer ml-dtypes than it says.
_SERVING = [
    'onnx!=1.19.0; python_version >= "3.10"',
    'onnxruntime; python_version >= "3.10"',
    'scikit-learn',
    'tensorflow-serving-api>=2.13,<2.22',
    'tf2onnx>=1.17; python_version >= "3.10"',
]

setuptools.setup(
    name='kmeans-estimator',
    version='0.1.0',
    description='K-means clustering as a TensorFlow Estimator',
    long_description=pathlib.Path(__file__)
    .with_name('README.md')
    .read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The kmeans_estimator Authors',
    license='Apache-2.0',
    classifiers=[
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=setuptools.find_packages(
        include=['kmeans_estimator', 'kmeans_estimator.*']
    ),
    python_requires='>=3.9',
    install_requires=[
        'absl-py',
        'numpy',
        'tensorflow>=2.13,<2.22',
        'tensorflow-estimator>=2.13',
    ],
    extras_require={
        'benchmarks': _BENCHMARKS,
        'examples': _EXAMPLES,
        'lint': ['ruff'],
        'serving': _SERVING,
        'test': [
            'hypothesis',
            'kubernetes-validate',
            'pandas',
            'pytest',
            'pytest-xdist',
            'pyyaml',
            'tf-keras',
        ]
        + sorted({*_BENCHMARKS, *_EXAMPLES, *_SERVING}),
    },
)
