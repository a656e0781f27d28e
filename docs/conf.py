# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configures Sphinx; `python -m nox -s docs` builds the documentation."""

import os
import pathlib
import sys

_DOCS = pathlib.Path(__file__).parent
sys.path[:0] = [str(_DOCS.parent), str(_DOCS / '_extensions')]
# autodoc imports the package, which imports TensorFlow, which logs to stderr.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')

import kmeans_estimator  # noqa: E402

project = 'kmeans_estimator'
author = 'The kmeans_estimator Authors'
copyright = f'2026, {author}'
version = release = kmeans_estimator.__version__

extensions = [
    'estimator_names',
    'gallery',
    'markdown_docstrings',
    'myst_parser',
    'public_names',
    'repository_links',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
]
highlight_language = 'none'
exclude_patterns = ['_build']

myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 3

autoclass_content = 'both'
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# One parameter a line where a signature is longer than this.
python_maximum_signature_line_length = 88

html_theme = 'furo'
html_title = f'kmeans_estimator {release}'
html_static_path = ['_static']
html_css_files = ['docs.css']
html_copy_source = False
html_show_sourcelink = False
