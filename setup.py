# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Packaging of kmeans_estimator."""

import pathlib
import re
import sys

import setuptools
from setuptools.command import build_ext

try:
  from setuptools.command import bdist_wheel
except ImportError:  # setuptools before 70.1
  from wheel import bdist_wheel

# Build frontends do not add this folder to sys.path.
sys.path.insert(0, str(pathlib.Path(__file__).parent.resolve()))

import build_native

_ROOT = pathlib.Path(__file__).parent


def _version():
  """Reads the version from the package, without importing TensorFlow."""
  source = (_ROOT / 'kmeans_estimator' / '__init__.py').read_text('utf-8')
  return re.search(r"^__version__ = '(.*)'$", source, re.MULTILINE)[1]


_DOCS = ['furo', 'myst-parser', 'sphinx>=7', 'sphinx-copybutton']
_EXAMPLES = ['matplotlib', 'scikit-learn']
_BENCHMARKS = ['faiss-cpu', 'matplotlib', 'scikit-learn']
# TensorFlow's later versions need a version of protobuf for which tf2onnx needs
# Python 3.10. onnx 1.19.0 needs a newer ml-dtypes than its metadata says.
_SERVING = [
    'onnx!=1.19.0; python_version >= "3.10"',
    'onnxruntime; python_version >= "3.10"',
    'scikit-learn',
    'tensorflow-serving-api>=2.13,<2.22',
    'tf2onnx>=1.17; python_version >= "3.10"',
]

_LIBRARY = 'kmeans_estimator.ops.native._kernels'
_WITHOUT_NATIVE_OPS = """{}
kmeans_estimator is installed without its native ops: it will use its portable
ops, which are slower. To get the native ops, install a C++17 compiler (GCC or
Clang). If its command is not c++, set the environment variable CXX to it. Then
install kmeans_estimator again."""


class _BuildLibrary(build_ext.build_ext):
  """Builds the native ops; without a C++ compiler, installs without them."""

  def run(self):
    library = pathlib.Path(self.build_lib, self.get_ext_filename(_LIBRARY))
    try:
      build_native.build(library)
    except build_native.BuildError as error:
      self.warn(_WITHOUT_NATIVE_OPS.format(error))
      library.unlink(missing_ok=True)
      if self.inplace:
        build_native.LIBRARY.unlink(missing_ok=True)
      # Without extensions setuptools treats this as a pure Python package.
      self.distribution.ext_modules = self.extensions = []
    else:
      if self.inplace:
        self.copy_extensions_to_source()

  def get_ext_filename(self, fullname):
    """Returns a path without Python's ABI tag: the library uses no Python."""
    return str(pathlib.Path(*fullname.split('.')).with_suffix('.so'))


class _Wheel(bdist_wheel.bdist_wheel):
  """Tags wheels py3-none-<platform>; without the native ops, py3-none-any."""

  @property
  def root_is_pure(self):
    return not self.distribution.has_ext_modules()

  @root_is_pure.setter
  def root_is_pure(self, value):
    """Does nothing: setuptools sets it before the native ops are built."""

  def get_tag(self):
    platform = super().get_tag()[2]
    if platform.startswith('macosx'):
      # A universal2 Python builds the library only for the machine it runs on.
      machine = build_native.machine_of(build_native.compiler_command())
      platform = platform.replace('universal2', machine)
    return 'py3', 'none', platform


setuptools.setup(
    name='kmeans-estimator',
    version=_version(),
    description='K-means clustering as a TensorFlow Estimator',
    long_description=(_ROOT / 'README.md').read_text('utf-8'),
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
    package_data={'kmeans_estimator': ['py.typed']},
    ext_modules=[setuptools.Extension(_LIBRARY, sources=[])],
    cmdclass={'build_ext': _BuildLibrary, 'bdist_wheel': _Wheel},
    python_requires='>=3.9',
    install_requires=[
        'absl-py',
        'numpy',
        'tensorflow>=2.13,<2.22',
        'tensorflow-estimator>=2.13',
    ],
    extras_require={
        'benchmarks': _BENCHMARKS,
        'docs': _DOCS,
        'examples': _EXAMPLES,
        'lint': ['mypy>=1.13', 'ruff'],
        'progress': ['tqdm'],
        'serving': _SERVING,
        'test': [
            'hypothesis',
            'kubernetes-validate',
            'pandas',
            'pytest',
            'pytest-xdist',
            'pyyaml',
            'sybil',
            'tf-keras',
            'tqdm',
        ]
        + sorted({*_BENCHMARKS, *_EXAMPLES, *_SERVING}),
    },
)
